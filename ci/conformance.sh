#!/usr/bin/env bash
# docs/conformance.md: every row is there, and every test it names is one that cargo
# would run, nothing is missing. The kernel's names lead somewhere in the documentation.
# See conformance.py.
. "$(dirname "$0")/lib.sh"
begin conformance
need python3 python3
(cd ci && python3 conformance_test.py --quiet && python3 verification_test.py --quiet)

# With the features, flags and folders of test.sh, loom.sh and inject.sh: what those
# have built is asked, nothing is built for this.
lists=target/conformance
rm -rf "$lists"
list() {
    python3 ci/conformance_list.py "$lists" "$@"
}
list plain test --workspace --all-features
(cfg_flags percpu_loom && list loom test --profile loom -p percpu-core -p percpu-counter -p percpu-slab --test loom)
(
    export RUSTFLAGS="--cfg percpu_inject" CARGO_TARGET_DIR=target/inject
    list inject test --release -p percpu-core --features lock_api --test 'inject*' --test concurrency_id
)
docs=$(cargo test --workspace --all-features --doc -- --list 2> /dev/null)
for crate in core counter slab; do
    grep "^percpu-$crate/" <<< "$docs" | sed "1i \\   Doc-tests percpu_$crate" >> "$lists/$crate/plain"
done
python3 ci/conformance.py "$lists" --strict
python3 ci/verification.py "$lists"
