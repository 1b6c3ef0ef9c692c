#!/usr/bin/env bash
# Installs what the other scripts use and this machine lacks. Building and testing
# need the Rust toolchain and a C linker; the rest is for single checks.
. "$(dirname "$0")/lib.sh"
begin setup

need cc gcc
need python3 python3    # structure.sh
need objdump binutils   # asm.sh
need strace strace      # link.sh, asm.sh: no system call on an operation's path
need ld.lld lld         # link.sh: a second linker

# link.sh runs programs without glibc where it can; it says so where it cannot.
rustup --quiet target add "$(uname -m)-unknown-linux-musl" > /dev/null 2>&1 || true

for component in rustfmt clippy; do
    cargo "${component/rustfmt/fmt}" --version > /dev/null 2>&1 || rustup --quiet component add "$component"
done
