#!/usr/bin/env bash
# docs/conformance.md: every row is there, and every test it names is one that cargo
# would run, nothing is missing. The kernel's names lead somewhere in the documentation.
# See conformance.py.
. "$(dirname "$0")/lib.sh"
begin conformance
need python3 python3
(cd ci && python3 conformance_test.py --quiet)

lists=target/conformance
for crate in core counter; do
    mkdir -p "$lists/$crate"
    # Standard error says which file the names that follow are of.
    cargo test -p percpu-$crate --all-features -- --list > "$lists/$crate/plain" 2>&1
    cargo test -p percpu-$crate --all-features -- --list --ignored > "$lists/$crate/ignored" 2>&1
    # With the flags and in the folders of loom.sh and inject.sh.
    (cfg_flags percpu_loom && cargo test --profile loom -p percpu-$crate --test loom -- --list) \
        > "$lists/$crate/loom" 2>&1
    # The sections are the core's, and so are the tests with delays in them.
    : > "$lists/$crate/inject"
done
RUSTFLAGS="--cfg percpu_inject" CARGO_TARGET_DIR=target/inject \
    cargo test --release -p percpu-core --test 'inject*' -- --list > "$lists/core/inject" 2>&1
python3 ci/conformance.py "$lists" --strict
