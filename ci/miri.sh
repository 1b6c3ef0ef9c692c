#!/usr/bin/env bash
# Miri over the tests of the three crates: the portable body on heap memory.
#
#   ci/miri.sh                    all of it
#   ci/miri.sh percpu-slab/slab   the suites whose name contains it
#
#   SEEDS=16                      schedules of the suites that run under several
#   TREE=1                        with Tree Borrows in the place of Stacked Borrows
#
# Not in the gate: it needs a nightly toolchain with Miri and takes long. What is not
# run, and why, is in the table of docs/sanitizers.md or beside the test.
. "$(dirname "$0")/lib.sh"
begin miri
need python3 python3
python3 ci/sanitizers_test.py --quiet
if ! cargo +nightly miri --version > /dev/null 2>&1; then
    rustup component add --toolchain nightly miri rust-src > /dev/null 2>&1 || {
        did_not_run "miri (no nightly toolchain with it)"
        exit 0
    }
fi
filter=${1:-}

# What threads do to each other without locks: several schedules.
many='percpu-core/anywhere percpu-slab/cache_anywhere'

# Permissive provenance: copies are reached by computed address. Leaks: the
# process-wide memory lives as long as the process. Isolation: some tests read
# files and the time.
export MIRIFLAGS="-Zmiri-permissive-provenance -Zmiri-disable-isolation -Zmiri-ignore-leaks"
[ -z "${TREE:-}" ] || MIRIFLAGS+=" -Zmiri-tree-borrows"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/miri CARGO_TERM_COLOR=never
# A panic that a test expects takes seconds to print with its frames.
export RUST_BACKTRACE=0
# Of tests that draw as many cases as they are asked for.
export PROPTEST_CASES=${PROPTEST_CASES:-4}

# Stacked Borrows refuses how crossbeam-epoch comes from a list's node to what it is in
# (crossbeam-rs/crossbeam#545).
by_tree_alone=' percpu-slab/epoch '

# targets PACKAGE BORROWS: cargo's arguments for its suites that the filter lets through.
targets() {
    local file name borrows
    [ "$2" = tree ] || [[ $1/lib != *"$filter"* ]] || echo --lib
    for file in "$1"/tests/*.rs "$1"/tests/*/main.rs; do
        name=${file#"$1"/tests/}
        name=${name%/main.rs} name=${name%.rs}
        borrows=stacked
        [[ $by_tree_alone != *" $1/$name "* ]] || borrows=tree
        [ "$2" != "$borrows" ] || [[ $1/$name != *"$filter"* ]] || echo "--test $name"
    done
}

# Under several schedules first: it takes least and finds most.
for suite in $many; do
    [[ $suite == *"$filter"* ]] || continue
    start=$SECONDS
    MIRIFLAGS="$MIRIFLAGS -Zmiri-many-seeds=0..${SEEDS:-16}" \
        cargo +nightly miri test -q --all-features -p "${suite%/*}" --test "${suite#*/}"
    echo "-- $suite: ${SEEDS:-16} schedules, $((SECONDS - start)) s"
done

for run in {percpu-core,percpu-counter,percpu-slab}/stacked percpu-slab/tree; do
    package=${run%/*}
    read -r -d '' -a chosen < <(targets "$package" "${run#*/}") || true
    [ ${#chosen[@]} -gt 0 ] || continue
    [[ $run != */tree ]] || MIRIFLAGS+=" -Zmiri-tree-borrows"
    left_out=$(python3 ci/sanitizers.py left-out "$package")
    echo "-- $package"
    # What fails is in what it says.
    # shellcheck disable=SC2086 # words
    cargo +nightly miri test --no-fail-fast --all-features -p "$package" "${chosen[@]}" \
        -- -Zunstable-options --report-time $left_out 2>&1 ||
        echo "-- $package: cargo says $?"
done | python3 ci/sanitizers.py miri "$filter"
