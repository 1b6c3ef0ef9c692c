#!/usr/bin/env bash
# Breaks one thing after the other, as ci/mutations.txt lists them, and fails unless the
# test that stands there notices: a test that passes shows something only if it fails
# when what it is about is broken. What models are about: ci/loom-mutations.sh.
#
#   ci/mutations.sh                       all of them
#   ci/mutations.sh no_arm end_late:push  these, of all sections or of one
#   ci/mutations.sh --names               only whether list and sources agree
#   ci/mutations.sh --list                what would run: MUTATION INDEX FILE::TEST
#
# One build of the tests serves nearly all: what is broken is chosen when a test runs
# (percpu-core/src/mutate.rs). Each test passes first with nothing broken. A storm may
# miss by chance: it is tried again for longer, five times in all. The whole list is
# by hand.
#
#   PERCPU_MUTATION_INDEXES="cpu"   instead of cpu and cid
. "$(dirname "$0")/lib.sh"
catalogue=ci/mutations.txt
core=percpu-core/src
: "${PERCPU_MUTATION_INDEXES:=cpu cid}"

trim() { sed 's/^[ \t]*//; s/[ \t]*$//' <<<"$1"; }
rows() { grep -vE '^(#|section |[[:space:]]*$)' $catalogue; }
sections() { sed -n 's/^section \([a-z_]*\).*/\1/p' $catalogue; }
own_test() { sed -n "s/^section $1 *| *//p" $catalogue; }

# The names of both sides, sorted.
names() {
    local listed there
    listed=$(rows | sed 's/[ |].*//' | sort -u)
    # In the sections; by `mutated` where no model has it; by a cfg.
    there=$(
        {
            sed -n '/^mutations! {/,/^}/s/^    \([a-z_]*\) = [0-9]*,$/\1/p' $core/broken.rs
            grep -rhoE 'mutated\("[a-z_0-9]+"\)' percpu-*/src | cut -d'"' -f2 |
                grep -vxFf <(sed -n "/^rows='/,/^'/s/ .*//p" ci/loom-mutations.sh)
            grep -rhoE 'percpu_mutate = "[a-z_0-9]+"' percpu-*/src | cut -d'"' -f2
        } | grep -vx name | sort -u
    )
    if [ "$listed" != "$there" ]; then
        echo "mutations that are in the sources (>) and not in $catalogue (<), or the other way round:"
        diff <(echo "$listed") <(echo "$there") || true
        return 1
    fi
    if ! diff <(sections) <(sed -n '/const SECTIONS/,/^\]/s/^    "\(.*\)",$/\1/p' $core/broken.rs); then
        echo "sections of $catalogue (<) and of $core/broken.rs (>)"
        return 1
    fi
}

# MUTATION INDEX TEST for each thing to be broken; the index is - where it is the test's.
list() {
    local name of test what section found
    while IFS='|' read -r name of test what; do
        name=$(trim "$name") of=$(trim "$of") test=$(trim "$test")
        if [ "$of" = - ]; then
            echo "$name - $test"
            continue
        fi
        [ "$of" != each ] || of=$(sections)
        for section in $of; do
            found=$test
            [ "$test" != each ] || found=$(own_test "$section")
            case $section:$found in
            # A store is about CPUs; portable mode has no index; by concurrency id one item
            # is a batch of one.
            store:*is_made_once* | *control_block* | push:*inject_each* | pop:*inject_each*) echo "$name:$section cpu $found" ;;
            *inject_each::*)
                for index in $PERCPU_MUTATION_INDEXES; do echo "$name:$section $index $found"; done ;;
            *) echo "$name:$section - $found" ;;
            esac
        done
    done < <(rows)
}

case ${1:-} in
--list)
    list
    exit ;;
--names)
    names
    exit ;;
esac

begin mutations
names
wanted=$(list | if [ $# -gt 0 ]; then
    grep -E "^($(printf '%s|' "$@" | sed 's/|$//'))(:[a-z_]+)? "
else
    cat
fi)
[ -n "$wanted" ] || { echo "nothing of that name in $catalogue"; exit 1; }

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/inject
declare -A binary
mapfile -t suites < <(cut -d' ' -f3- <<<"$wanted" | grep -vE '^(miri|ci/)' | sed 's/::.*//' |
    sort -u | sed 's/^lib$/--lib/; t; s/^/--test=/')
[ ${#suites[@]} -eq 0 ] || while read -r path; do
    name=$(basename "$path")
    name=${name%-*}
    binary[${name/percpu_core/lib}]=$path
done < <(RUSTFLAGS="--cfg percpu_inject" built --release -p percpu-core --features lock_api "${suites[@]}")

# try INDEX TEST [SETTING...]: the test alone; what it says in $log.
log=$(mktemp)
try() {
    local index=$1 test=$2 setting=(RUST_BACKTRACE=0 "${@:3}")
    [ "$index" = - ] || setting+=("PERCPU_INDEX=$index")
    timeout -k 5 300 env "${setting[@]}" "${binary[${test%%::*}]}" --exact "${test#*::}" \
        --test-threads=1 >"$log" 2>&1
}

# What the test says of itself, in a few words.
why() {
    { grep -aoE 'signal: [0-9]+ \([A-Z]+\)|takes too long' "$log" ||
        grep -aA1 'panicked at' "$log" | grep -avE 'panicked at|^--|child with' ||
        echo "a crash"; } | head -n 1 | cut -c 1-70
}

survivors=0 caught=0 failed=0
declare -A sound
judge() {
    local mutation=$1 index=$2 test=$3 scale code
    if [ -z "${binary[${test%%::*}]:-}" ]; then
        echo "$mutation: no binary for $test"
        failed=$((failed + 1))
        return
    fi
    # Once with nothing broken.
    if [ -z "${sound[$index $test]:-}" ]; then
        if ! try "$index" "$test" || ! grep -q '^test result: ok. 1 passed' "$log"; then
            cat "$log"
            echo "$test, by $index, fails or does not run with nothing broken"
            failed=$((failed + 1))
            sound[$index $test]=no
        else
            sound[$index $test]=yes
        fi
    fi
    for scale in 1 2 4 8 16; do
        code=0
        try "$index" "$test" "PERCPU_MUTATE=$mutation" "PERCPU_TEST_SCALE=$scale" || code=$?
        # A test without a child of its own may die.
        if [ $code -ne 0 ] && { [ $code -ge 132 ] || grep -aqE "^test ${test#*::} \.\.\. FAILED|^test result: FAILED" "$log"; }; then
            caught=$((caught + 1))
            printf '%-32s %-4s %-70s %s%s\n' "$mutation" "$index" "$test" "$(why)" \
                "$([ $scale -eq 1 ] || echo " (at $scale)")"
            return
        fi
    done
    survivors=$((survivors + 1))
    echo "$mutation, by $index, SURVIVED $test"
}

while read -r mutation index test; do
    case $test in
    ci/*) echo "$mutation: $test runs it" ;;
    miri*)
        if ! cargo +nightly miri --version >/dev/null 2>&1; then
            did_not_run "$mutation (no nightly toolchain with miri)"
            continue
        fi
        test=${test#miri }
        if PERCPU_MUTATE=$mutation RUSTFLAGS="--cfg percpu_inject" \
            MIRIFLAGS="-Zmiri-permissive-provenance -Zmiri-disable-isolation -Zmiri-ignore-leaks -Zmiri-many-seeds=0..16" \
            CARGO_TARGET_DIR=${CARGO_TARGET_DIR%/inject}/miri timeout 1200 cargo +nightly miri test -q -p percpu-core \
            --test "${test%%::*}" -- --exact "${test#*::}" >"$log" 2>&1 ||
            ! grep -q 'Undefined Behavior' "$log"; then
            tail -n 20 "$log"
            survivors=$((survivors + 1))
            echo "$mutation SURVIVED $test under Miri"
        else
            caught=$((caught + 1))
            echo "$mutation: $(grep -m 1 -o 'Undefined Behavior.*' "$log" | cut -c 1-70)"
        fi ;;
    *) judge "$mutation" "$index" "$test" ;;
    esac
done <<<"$wanted"
rm -f "$log"
echo "$caught caught, $survivors survived, $failed tests fail by themselves"
[ $((survivors + failed)) -eq 0 ]
