#!/usr/bin/env bash
# The same tests where restartable sequences are missing, each way they can be:
# left out of the build, not wanted, and not registered by the C library (then
# the crate registers threads itself).
. "$(dirname "$0")/lib.sh"
begin portable

echo "-- PERCPU_MODE=portable"
PERCPU_MODE=portable cargo test --no-fail-fast "${LIBRARIES[@]}"
echo "-- GLIBC_TUNABLES=glibc.pthread.rseq=0"
GLIBC_TUNABLES=glibc.pthread.rseq=0 cargo test --no-fail-fast "${LIBRARIES[@]}"
echo "-- both"
PERCPU_MODE=portable GLIBC_TUNABLES=glibc.pthread.rseq=0 cargo test --no-fail-fast "${LIBRARIES[@]}"
echo "-- --cfg percpu_force_portable"
cfg_flags percpu_force_portable
cargo test --no-fail-fast "${LIBRARIES[@]}"
