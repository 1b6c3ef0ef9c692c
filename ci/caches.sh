#!/usr/bin/env bash
# percpu-slab beside allocators, queues and sharded-slab, on a machine that does nothing
# else: with restartable sequences, then without. Arguments go to the program:
#
#   ci/caches.sh [--rounds N] [--millis N] [--only NAME] [--check]
#
# Not in the gate: the rivals are C and C++, and what is measured beside other work
# means nothing.
. "$(dirname "$0")/lib.sh"
begin caches
cd benches/caches
cargo build --release --locked
cargo clippy --release --locked -- -D warnings
./target/release/percpu-caches-bench "$@"
PERCPU_MODE=portable ./target/release/percpu-caches-bench "$@"
