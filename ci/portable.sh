#!/usr/bin/env bash
# The same tests where restartable sequences are missing, each way they can be:
# not wanted, not registered by the C library (then the crate registers threads
# itself), and left out of the build. Tests that go through the modes by themselves did so
# in test.sh, through the first two as well; in the other build they stay in the one that
# is asked for here.
. "$(dirname "$0")/lib.sh"
begin portable

# Which bytes of a chunk are taken has nothing to do with modes, and link.sh goes
# through them by itself.
tests() {
    cargo test --no-fail-fast "$@" -- --skip area:: --skip libraries_and_plugins_over
}
# As test.sh has built them.
built=(--workspace --all-features)

export PERCPU_TEST_RAN_IN_EACH_MODE=1
echo "-- PERCPU_MODE=portable"
PERCPU_MODE=portable tests "${built[@]}"
echo "-- GLIBC_TUNABLES=glibc.pthread.rseq=0"
GLIBC_TUNABLES=glibc.pthread.rseq=0 tests "${built[@]}"
unset PERCPU_TEST_RAN_IN_EACH_MODE
echo "-- --cfg percpu_force_portable"
cfg_flags percpu_force_portable
# The core alone has another body then.
PERCPU_MODE=portable tests -p percpu-core
