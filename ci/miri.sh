#!/usr/bin/env bash
# Miri over what runs anywhere: the portable body on heap memory, several
# schedules. Not in the gate: it needs a nightly toolchain with miri.
. "$(dirname "$0")/lib.sh"
begin miri
if ! cargo +nightly miri --version >/dev/null 2>&1; then
    rustup component add --toolchain nightly miri rust-src >/dev/null 2>&1 || {
        did_not_run "miri (no nightly toolchain with it)"
        exit 0
    }
fi
# Permissive provenance: copies are reached by computed address. Leaks: the
# process-wide memory lives as long as the process.
export MIRIFLAGS="-Zmiri-permissive-provenance -Zmiri-disable-isolation -Zmiri-ignore-leaks"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/miri
MIRIFLAGS="$MIRIFLAGS -Zmiri-many-seeds=0..${1:-16}" \
    cargo +nightly miri test -p percpu-core --test anywhere
# Caches that go before their objects: who is last is the schedule's.
MIRIFLAGS="$MIRIFLAGS -Zmiri-many-seeds=0..${1:-16}" \
    cargo +nightly miri test -p percpu-slab --test cache_anywhere
cargo +nightly miri test -p percpu-slab --test slabs --test pool_anywhere
cargo +nightly miri test -p percpu-counter
