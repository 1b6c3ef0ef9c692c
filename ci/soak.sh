#!/usr/bin/env bash
# Everything at once (percpu-slab/tests/soak), for 30 minutes: all structures of the three
# crates in one process under signals, migrations, forks, a limit on memory that comes and
# goes, threads that come and go. Nothing may be lost, and memory must stay flat. Then a
# tenth of that by concurrency id and in portable mode.
#
#   ci/soak.sh [minutes]
#   PERCPU_SOAK_HOTPLUG=1   CPUs are taken offline and online too (root; this disturbs
#                           everything else on the machine)
. "$(dirname "$0")/lib.sh"
begin soak
minutes=${1:-30}
test=nothing_is_lost_and_memory_is_flat
soak() {
    echo "-- $1, $2 s"
    PERCPU_SOAK_SECONDS=$2 cargo test -q --release --all-features -p percpu-slab --test soak \
        -- --exact "$1" --nocapture
}
soak "$test" $((minutes * 60))
soak "${test}_by_concurrency_id" $((minutes * 6))
soak "${test}_in_portable_mode" $((minutes * 6))
