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
models=(--profile loom -p percpu-core -p percpu-counter -p percpu-slab)
cargo test "${models[@]}" -p tickets --test loom -- --nocapture "$@"
# The examples of docs/loom.md and of the module.
RUSTDOCFLAGS="$RUSTFLAGS" cargo test "${models[@]}" --doc model
