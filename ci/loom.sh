#!/usr/bin/env bash
# Every model: the protocols in every interleaving and under every fault that the
# bounds allow, and how much each explored. docs/loom.md says what that is.
#
#   ci/loom.sh [filter]
#
# loom itself needs no `--cfg loom`, so nobody else's crate is touched.
. "$(dirname "$0")/lib.sh"
begin loom

cfg_flags percpu_loom
# Optimised: loom is ten times slower without.
cargo test --release -p percpu-core -p percpu-counter --test loom -- --nocapture "$@"
# The model's own tests, and its documentation's examples.
cargo test --release -p percpu-core --lib model::
RUSTDOCFLAGS="$RUSTFLAGS" cargo test --release -p percpu-core --doc model
