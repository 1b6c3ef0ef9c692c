#!/usr/bin/env bash
# Breaks one thing after the other and fails unless a model notices: a model that
# passes shows something only if it fails when what it is about is broken.
#
#   ci/loom-mutations.sh [mutation ...]     or the beginning of a model, as stack::
#
# Each row: the mutation (for PERCPU_LOOM_MUTATE, see percpu-core/src/mutate.rs), and
# the model that must fail with it.
. "$(dirname "$0")/lib.sh"
begin loom-mutations

rows='
no_restart            words::preempted_between_load_and_commit
no_restart            words::compare_exchange_against_compare_exchange
no_restart            local_lock::lock_against_lock_on_one_cpu
no_arm                words::migrated_between_address_and_commit
portable_split        words::thread_without_rseq_beside_one_with
portable_split        words::portable_adds_on_one_unit
no_membarrier         fence::commit_then_look_against_stop_then_fence
no_membarrier         fence::commit_then_look_against_stop_then_fence_of_one_unit
no_membarrier         local_lock::lock_on_against_lock
no_fence              local_lock::lock_on_against_lock
stop_after_fence      local_lock::lock_on_against_lock
stop_relaxed          local_lock::lock_on_against_lock
acquire_relaxed       local_lock::lock_on_against_lock
remote_relaxed        local_lock::lock_on_against_lock
unlock_relaxed        local_lock::lock_against_lock_on_one_cpu
no_waiter_fence       local_lock::lock_against_lock_on_one_cpu
no_light_fence        local_lock::lock_against_lock_on_one_cpu
no_let_go_fence       local_lock::lock_on_against_lock
atomic_lock_relaxed   local_lock::portable_lock_on_against_lock
atomic_unlock_relaxed local_lock::portable_lock_on_against_lock
atomic_no_wake        local_lock::lock_on_against_lock_on_the_shared_unit
atomic_wait_relaxed   local_lock::lock_on_against_lock_on_the_shared_unit
remote_lockers_together local_lock::lock_on_against_lock_on
acquire_no_stop       local_lock::lock_on_against_lock
acquire_no_held       local_lock::lock_against_lock_on_one_cpu
no_restart            stack::push_against_push_on_one_cpu
no_restart            stack::pop_against_pop_batch_on_one_cpu
no_arm                stack::migrated_between_address_and_commit
no_membarrier         stack::push_against_drain
stack_no_fence        stack::push_against_drain
stack_no_fence        stack::pop_against_drain
stack_stop_after_fence stack::push_against_drain
stack_no_stop         stack::pop_and_push_against_drain
stack_no_stop         stack::pop_against_drain
stack_commit_first    stack::push_against_drain
stack_commit_first    stack::push_batch_against_drain
stack_drains_together stack::drain_against_drain
stack_stop_lost       stack::push_against_drain
stack_close_limit     stack::portable_push_against_close
stack_close_no_fence  stack::push_against_close
stack_close_once      stack::push_against_close
stack_close_no_wait   stack::portable_push_against_close
stack_atomic_relaxed  stack::operations_against_drain_on_the_shared_unit
stack_atomic_unlocked stack::operations_against_drain_on_the_shared_unit
stack_atomic_unlock_relaxed stack::operations_against_drain_on_the_shared_unit
stack_opened_relaxed  stack::pop_and_push_against_drain
take_sums_twice       take_against_add
sum_before_the_lock   values::set_against_add
record_stores         values::record_against_record_on_one_cpu
no_restart            values::record_against_record_on_one_cpu
set_take_in_two_steps set::take_against_update
float_add_goes_back   float::float_add_after_set_against_a_late_add
float_add_keeps_what_was_set float::float_add_after_set_against_a_late_add
limit_uncharge_relaxed accounting::allocation_against_free_at_the_limit
limit_charge_relaxed  accounting::allocation_against_free_at_the_limit
limit_not_checked     accounting::allocation_against_free_at_the_limit
limit_collect_relaxed accounting::allocations_of_everything_against_free_to_a_stock
limit_stock_over_it   accounting::allocation_against_a_lower_limit
limit_keeps_stock     accounting::allocations_against_each_other_by_a_stock
limit_batch_lost      accounting::allocations_against_each_other_by_a_stock
unit_usable_relaxed   units::activate_against_pass_over_the_active_ones
unit_base_relaxed     units::activate_against_pass_over_the_active_ones
unit_counted_relaxed  units::activate_against_pass_over_the_active_ones
unit_counted_look_relaxed units::activate_against_pass_over_the_active_ones
unit_counted_late     units::activate_against_pass_over_the_active_ones
unit_settle_does_nothing units::activate_against_settle
no_restart            domain::section_against_two_grace_periods
no_membarrier         domain::section_against_synchronize
domain_no_change_fence domain::section_against_synchronize
domain_no_last_fence  domain::section_against_synchronize
turn_changed_relaxed  domain::section_against_synchronize
switch_entered_relaxed domain::section_against_synchronize
domain_no_change_fence domain::portable_read_against_synchronize
domain_no_last_fence  domain::portable_read_against_synchronize
turn_no_fence         domain::portable_read_against_synchronize
turn_no_fence         domain::reader_without_rseq_against_synchronize
turn_no_second_look   domain::portable_read_against_two_grace_periods
turn_look_relaxed     domain::portable_read_against_two_grace_periods
turn_left_relaxed     domain::portable_read_against_synchronize
ticket_of_the_one_under_way domain::synchronize_against_synchronize
ticket_loaded         domain::synchronize_against_synchronize
turn_one_unit         domain::reader_that_leaves_on_another_cpu
defer_at_once         domain::defer_against_read_and_poll
past_relaxed          domain::token_against_read_and_poll
ticket_relaxed        domain::synchronize_against_synchronize
domain_start_relaxed  domain::synchronize_against_poll
domain_two_drivers    domain::synchronize_against_synchronize
domain_waiters_not_woken domain::synchronize_against_synchronize
fence_no_barrier      domain::portable_read_against_synchronize
defer_ticket_before_lock domain::defer_against_defer
defer_runs_beside     domain::barrier_against_callbacks_elsewhere
no_restart            structures::double_words_of_one_cpu
no_restart            structures::pop_against_pop_pop_push
no_restart            structures::buffer_push_against_push
pair_one_slot         structures::remote_read_of_a_double_word_against_changes
pair_no_second_look   structures::remote_read_of_a_double_word_against_changes
pair_commit_relaxed   structures::remote_read_of_a_double_word_against_changes
pair_no_acquire_fence structures::remote_read_of_a_double_word_against_changes
pair_no_release_fence structures::remote_read_of_a_double_word_against_changes
pair_no_lock          structures::double_words_without_rseq
pair_read_relaxed     structures::remote_read_of_a_double_word_against_changes
gate_no_stop          structures::list_drain_against_pop_and_push
gate_no_fence         structures::list_drain_against_pop_and_push
gate_opened_relaxed   structures::list_drain_against_pop_and_push
gate_entered_relaxed  structures::list_drain_against_pop_and_push
gate_drains_together  structures::list_drain_against_drain
gate_alone_unlocked   structures::portable_list_drain_against_pop_and_push
gate_no_stop          structures::buffer_drain_against_push_and_pop
gate_no_fence         structures::buffer_drain_against_push_and_pop
no_membarrier         structures::buffer_drain_against_push_and_pop
switch_not_set        switch::visit_against_work
switch_no_fence       switch::visit_against_work
no_membarrier         switch::visit_against_work
switch_entered_relaxed switch::visit_against_work
switch_opened_relaxed switch::visit_against_work
switch_not_frozen     switch::visit_against_work_on_the_shared_unit
switch_change_relaxed switch::portable_visit_against_work
switch_no_fence       switch::bounded_adds_against_close
switch_frozen_relaxed rwlock::write_against_read_on_the_shared_unit
take_on_no_stop       switch::visit_against_work_on_one_unit
take_on_no_fence      switch::visit_against_work_on_one_unit
take_on_opened_relaxed switch::visit_against_work_on_one_unit
take_on_frozen_relaxed switch::portable_visit_against_work_on_one_unit
take_on_thawed_relaxed switch::portable_visit_against_work_on_one_unit
approx_sum_unlocked   approx::sum_against_folds
approx_fold_unlocked  approx::fold_against_fold
approx_limited_unlocked approx::limited_add_against_limited_add
no_membarrier         approx::add_against_fold_on
budget_fill_unlocked  budget::a_charge_beside_a_stock_that_is_filled
budget_limit_while_open budget::reserve_against_limit_change
budget_closed_first   budget::refusal_beside_a_charge_with_reason
budget_open_unlocked  budget::uncharge_against_uncharge
budget_give_relaxed   budget::charges_against_uncharge
budget_take_relaxed   budget::charges_against_uncharge
budget_take_relaxed   budget::portable_charge_and_uncharge_against_each_other
budget_close_relaxed  budget::portable_charge_and_uncharge_against_each_other
switch_no_fence       budget::charge_against_charge
word_lock_relaxed     structures::portable_list_drain_against_pop_and_push
word_lock_wait_relaxed structures::portable_list_drain_against_drain
word_unlock_relaxed   structures::list_drain_against_drain
word_lock_no_wake     structures::list_drain_against_drain
switch_not_set        reference::kill_against_get_and_put_in_sections
switch_no_fence       reference::kill_against_get_and_put_in_sections
no_membarrier         reference::kill_against_get_and_put_in_sections
switch_not_frozen     reference::kill_against_get_and_put_on_the_shared_unit
switch_change_relaxed reference::portable_kill_against_get_and_put
ref_unbiased_before_sum reference::kill_against_get_and_put_in_sections
ref_unbiased_before_sum reference::portable_last_put_against_confirm
ref_put_relaxed       reference::kill_against_get_and_put_in_sections
ref_last_no_acquire   reference::last_put_against_confirm_in_sections
ref_close_relaxed     reference::initial_put_by_hand_after_a_switch_on_the_shared_unit
no_membarrier         reference::initial_put_by_hand_after_a_switch_in_sections
switch_no_fence       reference::try_get_live_against_kill_in_sections
ref_live_forgets_dead reference::try_get_live_against_kill_in_atomic_mode
ref_atomic_not_dead   reference::try_get_live_against_kill_in_atomic_mode
switch_not_frozen     reference::portable_try_get_live_against_kill
switch_no_fence       reference::switches_against_get_and_put_in_sections
switch_opened_relaxed reference::reinit_against_try_get_in_sections
switch_entered_relaxed reference::reinit_against_try_get_in_sections
ref_revive_relaxed    reference::reinit_against_try_get_in_atomic_mode
ref_resurrects_zero   reference::last_put_against_resurrect_and_reinit
ref_reinit_early      reference::reinit_against_release
ref_tryget_relaxed    reference::reinit_against_try_get_in_atomic_mode
ref_put_shared_relaxed reference::initial_put_by_hand_after_a_switch_in_sections
ref_now_relaxed       reference::is_zero_against_last_put
ref_vacant_relaxed    reference::reinit_against_release
ref_ended_relaxed     reference::reinit_against_release
ref_share_relaxed     reference::owner_that_goes_against_last_put
ref_freed_no_fence    reference::owner_that_goes_against_last_put
no_membarrier         rwlock::write_against_read
switch_not_set        rwlock::write_against_read
switch_no_fence       rwlock::write_against_read
switch_not_frozen     rwlock::write_against_read_on_the_shared_unit
switch_not_frozen     rwlock::portable_write_against_reads
switch_change_relaxed rwlock::write_against_read_on_the_shared_unit
switch_change_relaxed rwlock::portable_write_against_reads
switch_entered_relaxed rwlock::opening_against_read_and_write
switch_opened_relaxed rwlock::opening_against_read_and_write
switch_opened_relaxed rwlock::portable_opening_against_read_and_write
switch_opened_relaxed rwlock::opening_against_read_on_the_shared_unit_and_write
depot_take_relaxed    magazines::depot_puts_against_takes
depot_pass_relaxed    magazines::depot_put_against_put
magazines_no_look     magazines::close_against_put
stack_close_no_fence  magazines::close_against_put
stack_stop_lost       magazines::drain_against_get_and_put
rwlock_words_not_counted rwlock::write_against_leaving_elsewhere
rwlock_left_relaxed   rwlock::write_against_leaving_elsewhere
rwlock_drained_relaxed rwlock::write_against_leaving_elsewhere
rwlock_writer_not_woken rwlock::write_against_leaving_elsewhere
rwlock_granted_relaxed rwlock::write_against_write_and_read
rwlock_grant_relaxed  rwlock::write_against_write_and_read
rwlock_told_relaxed   rwlock::write_against_leaving_elsewhere
rwlock_look_relaxed   rwlock::write_against_leaving_elsewhere
rwlock_waiters_not_woken rwlock::write_against_write_and_read
rwlock_claims_what_is_claimed rwlock::write_against_write_and_read
rwlock_downgrade_leaves rwlock::downgrade_against_write
rwlock_gives_up_what_it_has rwlock::giving_up_against_being_let_in
batches_refused_is_pushed batches::pushes_against_drain
no_restart            batches::push_against_push_on_one_cpu
epoch_at_once         batches::reader_against_a_batch_that_another_thread_hands_over
slab_free_relaxed     slabs::free_against_reuse
slab_take_relaxed     slabs::free_against_reuse
slabs_lock_late       slabs::free_against_free_of_a_full_slab
slabs_lock_late       slabs::free_against_free_and_shrink
slabs_no_pin          slabs::last_free_against_free_with_a_limit
cache_used_after_put  cache::last_free_against_drop
cache_slabs_closed_first cache::last_free_against_drop
no_membarrier         cache::last_free_against_drop
magazines_no_look     cache::last_free_by_the_depot_against_drop
slab_free_relaxed     cache::last_free_against_last_free
stack_no_fence        cache::free_against_drain
compat_publish_relaxed compat::create_against_get_of_a_stale_key
compat_same_generation compat::create_against_get_of_a_stale_key
compat_acquire_relaxed compat::get_against_create
compat_finish_relaxed compat::get_against_create
compat_finish_forgets compat::discard_against_end_of_creation
compat_finish_forgets compat::discard_against_downgrade
compat_acquire_removed compat::get_against_get_and_remove
compat_release_relaxed compat::get_against_remove
compat_mark_relaxed   compat::get_against_remove
compat_last_no_acquire compat::last_drop_against_last_drop_and_remove
compat_take_does_not_wait compat::take_against_get_and_remove
compat_alone_relaxed  compat::take_against_get_and_remove
slot_filled_relaxed   keyed::insert_against_get_by_old_and_new_key
slot_read_relaxed     keyed::insert_against_get_by_old_and_new_key
slot_read_unmarked    keyed::get_against_take_of_what_nobody_has_read
slot_try_is_unread    keyed::try_take_against_take_and_get
slot_two_tries        keyed::try_take_against_try_take_and_get
slot_finish_anyway    keyed::try_take_against_get
try_take_sees_nobody  keyed::try_take_against_get
take_does_not_wait    keyed::get_against_take_of_what_was_read
domain_no_change_fence keyed::get_against_take_of_what_was_read
removed_at_once       keyed::get_against_remove_and_the_next_value
page_forgets_generations keyed::page_that_goes_against_get_and_insert
ids_no_tag            ids::list_pop_against_pop_and_push
ids_push_relaxed      ids::list_pop_against_push
ids_pop_relaxed       ids::list_pop_against_push
ids_give_up_in_two_steps ids::put_against_put
stack_no_fence        ids::get_against_steal
magazines_no_look     magazines::close_against_put_batch
magazines_no_fence    magazines::close_against_put
magazines_close_no_fence magazines::close_against_put
magazines_limit_reopens magazines::close_against_a_put_that_grows
magazines_batch_forgets magazines::close_against_a_batch_that_fails
magazines_item_first  cache::last_free_by_the_depot_against_drop
depot_ignores_turn    magazines::depot_puts_against_takes
depot_claim_in_two_steps magazines::depot_put_against_put
slab_free_no_acquire  slabs::last_free_against_free_and_the_next_slab
slab_edge_without_lock slabs::free_against_free_of_a_full_slab
slabs_unpin_relaxed   slabs::last_free_against_free_with_a_limit
slabs_unpin_no_acquire slabs::last_free_against_free_with_a_limit
slabs_reserve_in_two_steps slabs::refill_against_refill_at_the_limit
slabs_count_in_two_steps slabs::refill_against_refill_of_the_last_slab
values_reserve_in_two_steps pools::get_against_get_at_the_limit
pool_steals_one       pools::steal_against_get
depot_pass_relaxed    pools::put_into_the_depot_against_get_elsewhere
stack_no_fence        pools::drain_against_get_and_put
stack_no_fence        pools::fixed_get_against_get_of_one_object
ids_look_again_relaxed ids::list_pop_against_use_of_what_it_walks
ids_pop_again_relaxed ids::list_pop_against_a_change
ids_no_tag            ids::list_pop_against_use_of_what_it_walks
slot_claim_in_two_steps keyed::remove_against_remove_of_one_key
slot_claim_relaxed    keyed::insert_against_take_by_a_key_known_before
slot_try_relaxed      keyed::insert_against_try_take_by_a_key_known_before
slot_unclaim_relaxed  keyed::get_against_a_claim_that_is_taken_back
slot_give_up_is_unread keyed::take_after_a_try_that_failed_against_get
directory_find_relaxed keyed::get_by_a_guessed_key_against_the_first_slot_of_a_segment
directory_prepare_relaxed keyed::get_by_a_guessed_key_against_the_first_slot_of_a_segment
compat_same_generation compat_pool::get_against_clear_and_create
compat_mark_relaxed   compat_pool::get_against_clear_and_create
compat_finish_forgets compat_pool::clear_against_create
checks_claim_in_two_steps hardened::free_against_free_of_one_object
checks_forget_the_close hardened::last_free_against_drop
handed_done_relaxed   deferred::barrier_against_two_that_free
handed_seen_relaxed   deferred::barrier_against_two_that_free
bucket_refused_is_pushed bucket::flush_against_alloc_and_free
bucket_rest_is_pushed bucket::alloc_and_free_against_the_same_on_one_cpu
stack_no_fence        bucket::flush_against_alloc_and_free
stack_atomic_unlocked bucket::portable_flush_against_alloc_and_free
'

cfg_flags percpu_loom
models=(--profile loom -p percpu-core -p percpu-counter -p percpu-slab)

# Every name in the sources has a row, here or in ci/mutations.txt, and every name in a
# row is in the sources.
names() { sed 's/#.*//' <<< "$rows" | awk 'NF { print $1 }' | sort -u; }
# Whatever lies on one line or on several.
in_sources() {
    find percpu-{core,counter,slab}/{src,tests/loom} -name '*.rs' -exec cat {} + |
        tr -d ' \n' |
        grep -oE '(mutated|order)\((Ordering::[A-Za-z]+,)?"[a-z0-9_]+",?\)' |
        sed -E 's/.*"([^"]+)".*/\1/' | sort -u
}
elsewhere() { grep -oE '^[a-z_0-9]+' ci/mutations.txt; }
if in_sources | grep -vxF -f <(names) -f <(elsewhere); then
    echo "has no row"
    exit 1
fi
for name in $(names); do
    grep -rqF "\"$name\"" percpu-{core,counter,slab}/{src,tests/loom} || { echo "$name is in no source"; exit 1; }
done

# The test binaries are run as they are: cargo would take longer to find that there is
# nothing to build than most models take to fail.
logs=$(mktemp -d)
list_models "${models[@]}" --test loom > "$logs/models"

# One row: the mutation, the model, and a number for its log.
run_row() {
    local mutation=$1 model=$2 log=$logs/$3 binary where cause start=$SECONDS
    binary=$(awk -v model="$model" '$1 == model { print $2 }' "$logs/models")
    if [ -z "$binary" ]; then
        echo "MISSED  $mutation by $model: there is no such model"
        return
    fi
    PERCPU_LOOM_MUTATE=$mutation timeout 600 "$binary" --exact "$model" > "$log" 2>&1 || true
    # Only a failed execution counts: not a missing outcome, not a missing model.
    if where=$(grep -m 1 '^percpu model: failed in ' "$log"); then
        cause=$(grep -m 1 -A 1 'panicked at' "$log" | tail -n 1)
        where=${where#percpu model: failed in }
        echo "caught  $mutation by $model ($where, $((SECONDS - start)) s): $cause"
    elif grep -q 'panicked at .*loom' "$log" && grep -q '^Causality violation' "$log"; then
        # loom's finding; what is dropped then panics once more, which ends the process.
        echo "caught  $mutation by $model ($((SECONDS - start)) s): $(grep -m 1 '^Causality' "$log")"
    else
        echo "MISSED  $mutation by $model"
    fi
}
export -f run_row
export logs

# As many at a time as there are processors.
wanted=" $* " row=0
sed 's/#.*//' <<< "$rows" | while read -r mutation model; do
    [ -n "$mutation" ] || continue
    [ $# -eq 0 ] || [[ $wanted == *" $mutation "* || $wanted == *" ${model%%::*}:: "* ]] || continue
    echo "$mutation $model $((++row))"
done | xargs -r -P "$(nproc)" -L 1 bash -c 'run_row "$@"' run_row | tee "$logs/all"

caught=$(grep -c '^caught' "$logs/all" || true)
missed=$(grep -c '^MISSED' "$logs/all" || true)
rm -rf "$logs"
echo "$caught caught, $missed missed"
[ "$missed" -eq 0 ] && [ "$caught" -gt 0 ]
