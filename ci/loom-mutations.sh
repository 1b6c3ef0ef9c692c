#!/bin/sh
# Breaks one thing after the other and fails unless a model notices.
#
#   ci/loom-mutations.sh [mutation ...]
#
# A model that passes proves something only if it fails when what it is about
# is broken. Each row: the mutation (`PERCPU_LOOM_MUTATE`, see percpu-core's
# mutate.rs), the crate, and the model that must fail with it.
set -eu
cd "$(dirname "$0")/.."

rows='
no_restart            percpu-core     words::preempted_between_load_and_commit
no_restart            percpu-core     words::compare_exchange_against_compare_exchange
no_restart            percpu-core     local_lock::lock_against_lock_on_one_cpu
no_arm                percpu-core     words::migrated_between_address_and_commit
portable_split        percpu-core     words::thread_without_rseq_beside_one_with
portable_split        percpu-core     words::portable_adds_on_one_unit
no_membarrier         percpu-core     fence::commit_then_look_against_stop_then_fence
no_membarrier         percpu-core     fence::commit_then_look_against_stop_then_fence_of_one_unit
no_membarrier         percpu-core     local_lock::lock_on_against_lock
no_fence              percpu-core     local_lock::lock_on_against_lock
stop_after_fence      percpu-core     local_lock::lock_on_against_lock
stop_relaxed          percpu-core     local_lock::lock_on_against_lock
acquire_relaxed       percpu-core     local_lock::lock_on_against_lock
remote_relaxed        percpu-core     local_lock::lock_on_against_lock
unlock_relaxed        percpu-core     local_lock::lock_against_lock_on_one_cpu
no_waiter_fence       percpu-core     local_lock::lock_against_lock_on_one_cpu
no_light_fence        percpu-core     local_lock::lock_against_lock_on_one_cpu
no_let_go_fence       percpu-core     local_lock::lock_on_against_lock
atomic_lock_relaxed   percpu-core     local_lock::portable_lock_on_against_lock
atomic_unlock_relaxed percpu-core     local_lock::portable_lock_on_against_lock
atomic_no_wake        percpu-core     local_lock::lock_on_against_lock_on_the_shared_unit
take_sums_twice       percpu-counter  take_against_add
'

export RUSTFLAGS="--cfg percpu_loom ${RUSTFLAGS-}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
wanted=" $* "
missed=0

cargo test -q --release -p percpu-core -p percpu-counter --test loom --no-run

while read -r mutation crate model; do
    [ -n "$mutation" ] || continue
    [ "$#" -eq 0 ] || case $wanted in *" $mutation "*) ;; *) continue ;; esac
    run() { cargo test -q --release -p "$crate" --test loom -- --exact "$model" >"$log" 2>&1; }
    if PERCPU_LOOM_MUTATE=$mutation run; then
        grep -q '1 passed' "$log" || echo "$crate has no model $model"
        echo "MISSED  $mutation by $model"
        missed=1
    else
        where=$(sed -n 's/^percpu model: failed in //p' "$log" | head -n 1)
        cause=$(grep -A 1 'panicked at' "$log" | sed -n 2p)
        echo "caught  $mutation by $model in $where: $cause"
    fi
done <<EOF
$rows
EOF

exit $missed
