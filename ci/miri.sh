#!/usr/bin/env bash
# Miri over what runs anywhere: the portable body on heap memory, several
# schedules. Not in the gate: it needs a nightly toolchain with miri.
set -euo pipefail
cd "$(dirname "$0")/.."
start=$SECONDS
if ! cargo +nightly miri --version >/dev/null 2>&1; then
    rustup component add --toolchain nightly miri rust-src >/dev/null 2>&1 || {
        echo "ci/miri.sh: did not run: no nightly toolchain with miri"
        exit 0
    }
fi
# Permissive provenance: copies are reached by computed address. Leaks: the
# process-wide memory lives as long as the process.
export MIRIFLAGS="-Zmiri-permissive-provenance -Zmiri-disable-isolation -Zmiri-ignore-leaks"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/miri
MIRIFLAGS="$MIRIFLAGS -Zmiri-many-seeds=0..${1:-16}" \
    cargo +nightly miri test -p percpu-core --test anywhere
cargo +nightly miri test -p percpu-counter
echo "ci/miri.sh: passed in $((SECONDS - start)) s"
