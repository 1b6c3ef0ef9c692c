#!/usr/bin/env bash
# Stress with a delay at each numbered point of the sections; then the same with
# the sections' arming store removed, which must fail.
. "$(dirname "$0")/lib.sh"
begin inject
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/inject
run() {
    RUSTFLAGS="--cfg percpu_inject ${1:-}" cargo test --release -p percpu-core --features lock_api \
        --test inject --test inject_structures --test inject_switch --test inject_turn --test concurrency_id "${@:2}"
}
run "" -- --nocapture
RUSTFLAGS="--cfg percpu_inject" cargo test --release -p percpu-core --features lock_api --test conformance --test stress --test addressing --test stack --test structures
# A part of the torture; ci/torture.sh has all of it.
RUSTFLAGS="--cfg percpu_inject" cargo test --release -p percpu-core --features lock_api --test torture -- --test-threads=1

# A mutation must break the tests named for it.
must_fail() {
    local mutation=$1 test=$2 log
    log=$(mktemp)
    if run "--cfg percpu_mutate=\"$mutation\"" "$test" >"$log" 2>&1; then
        cat "$log"
        echo "ci/inject.sh: mutation $mutation SURVIVED $test"
        exit 1
    fi
    grep -q "^test $test \.\.\. FAILED" "$log" || { cat "$log"; echo "ci/inject.sh: $mutation did not build or run"; exit 1; }
    echo "ci/inject.sh: mutation $mutation is caught by $test"
    rm -f "$log"
}
# Together what has the same flags: other flags build everything anew.
must_fail no_arm exact_with_a_delay_before_the_commit
must_fail no_arm exact_with_a_delay_after_the_address
must_fail no_arm two_never_hold_a_lock_with_a_delay_before_the_commit
must_fail no_arm each_value_comes_out_once_with_a_delay_before_the_commit
must_fail no_arm structures_are_conserved_with_a_delay_after_the_address
must_fail no_arm structures_are_conserved_with_a_delay_before_the_commit
must_fail no_arm nobody_is_late_with_a_delay_after_the_address
must_fail no_arm nobody_is_late_with_a_delay_before_the_commit
must_fail no_arm exact_by_concurrency_id_with_a_delay_after_the_address
must_fail no_arm two_never_hold_a_lock_by_concurrency_id
must_fail no_arm structures_are_conserved_by_concurrency_id
must_fail no_arm nobody_is_late_by_concurrency_id
must_fail no_stop each_value_comes_out_once_with_a_delay_before_the_commit
must_fail no_turn nobody_is_late_with_a_delay_before_the_commit
must_fail no_switch references_are_counted_with_a_delay_before_the_commit
must_fail no_switch no_reader_is_in_beside_a_writer_with_a_delay_before_the_commit
must_fail no_sign a_thread_without_rseq_never_changes_the_unit_of_id_0
must_fail no_fence_by_id a_stopped_unit_has_one_holder_by_concurrency_id
