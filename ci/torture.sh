#!/usr/bin/env bash
# Torture: the sections' algorithms under every injection, by CPU and by concurrency
# id, six threads a CPU (percpu-core/tests/torture). A line for each run, with its rate
# and its aborts, then how many there were. Some 1,100 runs of 350 ms each: ten minutes
# on a machine that has nothing else to do.
#
#   ci/torture.sh                 the whole matrix
#   ci/torture.sh <text>          those runs whose line has the text: "point 7", "Sleep",
#                                 "nodes_come_out_once_by_cpu"
#   ci/torture.sh --mutations     that broken ones are noticed
#
# `ci/inject.sh` runs a part of it. PERCPU_TORTURE_MS=1000 has each run last a second.
. "$(dirname "$0")/lib.sh"
begin torture
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/inject
run() {
    RUSTFLAGS="--cfg percpu_inject" cargo test --release -p percpu-core --features lock_api \
        --test torture -- --nocapture --test-threads=1 "$@"
}
log=$(mktemp)

if [ "${1:-}" = --mutations ]; then
    # caught <what> <test>: the log is that of a failure of the test, not of the build.
    caught() {
        grep -q "^test $2 .*FAILED\|^    $2$" "$log" || { cat "$log"; echo "ci/torture.sh: $1 SURVIVED $2"; exit 1; }
        echo "ci/torture.sh: $1 is caught by $2"
    }
    for test in words_are_exact a_lock_has_one_holder nodes_come_out_once items_come_out_once \
        records_come_out_whole nobody_is_late; do
        for index in cpu concurrency_id; do
            PERCPU_MUTATE=no_arm run --exact "${test}_by_$index" > "$log" 2>&1 || true
            caught "mutation no_arm" "${test}_by_$index"
        done
    done
    for index in cpu concurrency_id; do
        PERCPU_TORTURE_NO_FENCE=1 run --exact "nobody_is_late_by_$index" > "$log" 2>&1 || true
        caught "a swap without a fence" "nobody_is_late_by_$index"
    done
    rm -f "$log"
    exit 0
fi

PERCPU_TORTURE=full PERCPU_TORTURE_FILTER=${1:-} run | tee "$log"
awk '/ ops\/s, [0-9]+ aborts$/ { runs++; aborts += $(NF - 1); if ($(NF - 1) > 0) some++ }
     END { printf "%d runs, %d of them with aborts, %d aborts in all\n", runs, some, aborts }' "$log"
grep -h '^preemption by ordinary threads\|did not run:' "$log" || true
rm -f "$log"
