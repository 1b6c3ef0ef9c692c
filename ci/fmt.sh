#!/usr/bin/env bash
# Formatting, the workspaces beside the main one included.
. "$(dirname "$0")/lib.sh"
begin fmt
cargo fmt --all --check
for beside in fuzz fuzz/pretend benches/caches percpu-datafusion percpu-slab/tests/tracing; do
    cargo fmt --manifest-path "$beside/Cargo.toml" --check
done
