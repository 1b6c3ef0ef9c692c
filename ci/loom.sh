#!/bin/sh
# Runs every model and prints how much each explored and how long it took.
#
#   ci/loom.sh [filter]
#
# loom itself needs no `--cfg loom`; `--cfg percpu_loom` is ours and touches
# nobody else's crate. Bounds: two faults with two preemptions and one fault
# with three, unless PERCPU_LOOM_FAULTS or PERCPU_LOOM_PREEMPTIONS says other.
set -eu
cd "$(dirname "$0")/.."

export RUSTFLAGS="--cfg percpu_loom ${RUSTFLAGS-}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom"
# Optimised: loom is ten times slower without.
cargo test --release -p percpu-core -p percpu-counter --test loom -- --nocapture "$@"
# The pure parts of the model itself, and its examples.
cargo test -q --release -p percpu-core --lib model::
cargo test -q --release -p percpu-core --doc model
