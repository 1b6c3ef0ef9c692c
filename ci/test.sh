#!/usr/bin/env bash
# The README's test command, on this machine as it is.
. "$(dirname "$0")/lib.sh"
begin test
need cc gcc
cargo test --workspace --all-features
