#!/usr/bin/env bash
# Each fuzz target: all that is kept of it, and new inputs until a few seconds are over,
# two targets at a time.
#
#   ci/fuzz-smoke.sh [target ...]
#   PERCPU_FUZZ_SECONDS     for how long each; 3, a minute and a bit in all
. "$(dirname "$0")/lib.sh"
begin fuzz-smoke
each=${PERCPU_FUZZ_SECONDS:-3}
list=("$@")

# Compiled sooner, for a few seconds of inputs.
export CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off
fuzz_build
logs=target/fuzz-smoke
rm -rf "$logs"
mkdir -p "$logs"

# At most two at a time: a target that fails is told at the end, with its log.
one() {
    if fuzz_run "$1" -max_total_time="$each" > "$logs/$1.log" 2>&1; then
        echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/$1.log") inputs"
    else
        touch "$logs/$1.failed"
    fi
}
export -f one fuzz_run
export each logs
# In a shell of its own: none of the others stops for one that fails.
[ ${#list[@]} -gt 0 ] || mapfile -t list < <(fuzz_list)
printf '%s\n' "${list[@]}" | xargs -P 2 -I '{}' bash -c 'one {}'

# A target that cannot fail shows nothing: sections that commit though they were
# interrupted are noticed.
if [[ " ${list[*]} " == *" sections "* ]] && PERCPU_LOOM_MUTATE=no_restart "$FUZZ_TARGETS/sections" -artifact_prefix="$logs/" \
    fuzz/regressions/sections/no_restart > "$logs/no_restart.log" 2>&1; then
    echo "sections did not notice no_restart"
    touch "$logs/no_restart.failed"
fi

for failed in "$logs"/*.failed; do
    [ -e "$failed" ] || continue
    target=$(basename "$failed" .failed)
    echo "-- $target FAILED; the input is in target/fuzz-failed/$target"
    tail -n 40 "$logs/$target.log" || true
    bad=yes
done
[ -z "${bad:-}" ]
