#!/usr/bin/env bash
# The storms of percpu-counter, and of what it has from the core, for long: 16 threads,
# signals and migrations, everything accounted for, 10 s or more in each mode.
#
#   ci/campaign.sh [filter]     those whose name contains it
. "$(dirname "$0")/lib.sh"
begin campaign

# How many times the usual length makes 10 s a mode on two CPUs.
storms='
60   percpu-core    reference        each_object_is_released_once_after_its_last_reference_in_a_storm
55   percpu-core    reference        references_are_conserved_over_ten_thousand_switches
260  percpu-core    accounting       sixteen_threads_in_a_storm_are_accounted_exactly
300  percpu-core    accounting_limit never_over_the_limit_and_nothing_lost_under_a_storm
50   percpu-counter approx           never_further_than_the_bound_in_a_storm
34   percpu-counter budget           never_over_the_limit_in_a_storm
50   percpu-counter budget           no_refusal_without_reason
34   percpu-counter domain_stress    nothing_is_written_over_while_it_is_read_in_a_storm
680  percpu-counter histogram_stress sixteen_threads_are_all_counted_while_one_takes
34   percpu-counter rwlock           sixteen_threads_read_and_write_in_a_storm
230  percpu-counter stress           every_addition_is_taken_once_in_a_storm
280  percpu-counter stress           no_least_and_no_greatest_value_is_lost_in_a_storm
800  percpu-counter stress           no_row_of_a_snapshot_shows_half_an_update_in_a_storm
2400 percpu-counter prometheus       stress::nothing_is_lost_in_a_storm
40   percpu-slab    cache_stress     every_object_is_dropped_and_freed_once_in_a_storm
200  percpu-slab    cache_stress     memory_is_bounded_when_one_thread_allocates_and_another_drops
300  percpu-slab    global_alloc     nothing_is_lost_or_shared_in_a_storm
'
log=$(mktemp)
while read -r scale package file test; do
    [ -n "$scale" ] && [[ $test == *"${1:-}"* ]] || continue
    start=$SECONDS
    if ! PERCPU_TEST_SCALE=$scale cargo test -q --release --all-features -p "$package" \
        --test "$file" -- --exact "$test" --nocapture > "$log" 2>&1; then
        cat "$log"
        exit 1
    fi
    grep -E "^test result|: .* aborts" "$log"
    echo "$test: $((SECONDS - start)) s for all modes"
done <<< "$storms"
rm -f "$log"
