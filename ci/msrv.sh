#!/usr/bin/env bash
# The libraries compile with the oldest compiler that Cargo.toml promises; with the crates
# that their features ask for, too.
. "$(dirname "$0")/lib.sh"
begin msrv

oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
if rustup --quiet toolchain install "$oldest" --profile minimal --no-self-update > /dev/null 2>&1; then
    CARGO_TARGET_DIR=target/msrv cargo "+$oldest" check "${LIBRARIES[@]}"
    CARGO_TARGET_DIR=target/msrv cargo "+$oldest" check "${LIBRARIES[@]}" --all-features
else
    did_not_run "the check with Rust $oldest (rustup cannot install it)"
fi
