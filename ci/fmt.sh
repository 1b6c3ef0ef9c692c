#!/usr/bin/env bash
# Formatting, the fuzz workspace included.
. "$(dirname "$0")/lib.sh"
begin fmt
cargo fmt --all --check
cargo fmt --manifest-path fuzz/Cargo.toml --check
