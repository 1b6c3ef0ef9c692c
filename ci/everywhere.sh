#!/usr/bin/env bash
# The libraries type-check where this machine cannot run them, warnings denied: other
# systems, another libc, 32 bits, another architecture. With their tests, but for
# WebAssembly, where crates that tests depend on do not build. Nothing is linked.
. "$(dirname "$0")/lib.sh"
begin everywhere

export RUSTFLAGS="-D warnings" CARGO_TARGET_DIR=target/everywhere
check() {
    local target=$1
    shift
    if rustup --quiet target add "$target" > /dev/null 2>&1; then
        cargo check -q "${LIBRARIES[@]}" --target "$target" "$@"
        echo "$target: checks"
    else
        did_not_run "the check for $target (rustup cannot add the target)"
    fi
}

# With the tests where the shapes differ most: their dependencies take the time.
check x86_64-pc-windows-gnu --tests --all-features
check aarch64-apple-darwin --tests
check i686-unknown-linux-gnu --tests
check x86_64-unknown-linux-musl
check x86_64-pc-windows-msvc
check x86_64-apple-darwin
check x86_64-unknown-freebsd
check aarch64-unknown-linux-musl
check riscv64gc-unknown-linux-gnu
check wasm32-wasip1
