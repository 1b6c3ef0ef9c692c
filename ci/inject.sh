#!/usr/bin/env bash
# Stress with a delay at each numbered point of the sections; then the same with a few
# things broken, which must fail. All that can be broken: ci/mutations.sh.
. "$(dirname "$0")/lib.sh"
begin inject
target=${CARGO_TARGET_DIR:-}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/inject
run() {
    RUSTFLAGS="--cfg percpu_inject" cargo test --release -p percpu-core --features lock_api "$@"
}
run --test inject --test inject_each --test inject_structures --test inject_switch \
    --test inject_turn --test concurrency_id -- --nocapture
run --test conformance --test stress --test addressing --test stack --test structures
# A part of the torture; ci/torture.sh has all of it.
run --test torture -- --test-threads=1
# One of each kind, where it takes no luck.
CARGO_TARGET_DIR=$target PERCPU_MUTATION_INDEXES=cpu bash ci/mutations.sh no_arm:add no_arm:push \
    end_early:fetch_add end_late:inc restart_past_load:swap no_cold:acquire no_distance:store \
    no_sign:inc bad_signature:inc no_stop:behind_add no_check:compare_exchange \
    commit_first:push no_turn fence_left_out no_fence_by_id
