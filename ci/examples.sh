#!/usr/bin/env bash
# The programs of examples/ run to their end, as released. kvcache checks its own
# counters against what its threads counted by themselves and fails otherwise.
. "$(dirname "$0")/lib.sh"
begin examples

cargo build --release -p percpu-examples --bins
target/release/kvcache --seconds 2 --max-bytes 16M
target/release/kvcache --seconds 2 --max-bytes 16M --compare
PERCPU_MODE=portable target/release/kvcache --seconds 2 --max-bytes 16M
target/release/kvcache --seconds 2 --max-bytes 16M --allocator percpu
PERCPU_MODE=portable target/release/kvcache --seconds 2 --max-bytes 16M --allocator percpu
for allocator in percpu system; do
    target/release/percpu-sort --lines 300000 --rounds 2 --threads 4 --allocator $allocator
done
target/release/percpu-info
target/release/percpu-info --cpus 64 --nodes 4 --static 72K --atom 2M
target/release/treiber-stack
