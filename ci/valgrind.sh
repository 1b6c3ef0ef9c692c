#!/usr/bin/env bash
# The core's tests under Valgrind's memcheck, which has no restartable sequences: they
# report the portable mode, with the reason, and pass. Few rounds: it is 20 to 50 times
# slower. By hand.
. "$(dirname "$0")/lib.sh"
begin valgrind
if ! need valgrind valgrind; then
    did_not_run "valgrind: no valgrind"
    exit 0
fi
export CARGO_PROFILE_DEV_DEBUG=${CARGO_PROFILE_DEV_DEBUG:-line-tables-only}
export PERCPU_TEST_SCALE=${PERCPU_TEST_SCALE:-0.002}
tests=(stepped conformance stack structures local_lock statics)
cargo test -p percpu-core "${tests[@]/#/--test=}" --no-run
valgrind=(timeout 900 valgrind -q --error-exitcode=9 --trace-children=yes --fair-sched=yes
    --suppressions="$PWD/ci/valgrind.supp")
said=$("${valgrind[@]}" "$(built -p percpu-core --test stepped)" --nocapture --test-threads=1)
grep exact: <<< "$said"
# ENOSYS, on every architecture that has sections.
grep -q 'portable (the kernel refused to register a thread, error 38)' <<< "$said"
for test in "${tests[@]:1}"; do
    echo "-- $test"
    "${valgrind[@]}" "$(built -p percpu-core --test "$test")" --test-threads=1
done
