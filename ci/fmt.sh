#!/usr/bin/env bash
# Formatting, the workspaces beside the main one included.
. "$(dirname "$0")/lib.sh"
begin fmt
cargo fmt --all --check
cargo fmt --manifest-path fuzz/Cargo.toml --check
cargo fmt --manifest-path percpu-datafusion/Cargo.toml --check
