#!/usr/bin/env bash
# Every model: the protocols in every interleaving and under every fault that the
# bounds allow; a table of how much each explored, at the end. docs/loom.md says what
# that is.
#
#   ci/loom.sh [filter]           the searches that each model asks for (see below)
#   ci/loom.sh --deep [filter]    2 faults with 3 preemptions, which takes long; by hand
#
# A model that asks for nothing is searched twice: 2 faults a plan with 2 preemptions an
# execution, and 1 fault with 3. One that names a bound is searched once, and what it
# does not name is 2. PERCPU_LOOM_FAULTS and PERCPU_LOOM_PREEMPTIONS win over both:
#
#   PERCPU_LOOM_FAULTS=0 PERCPU_LOOM_PREEMPTIONS=4 ci/loom.sh local_lock
#
# loom itself needs no `--cfg loom`, so nobody else's crate is touched.
. "$(dirname "$0")/lib.sh"
begin loom

if [ "${1:-}" = --deep ]; then
    shift
    export PERCPU_LOOM_FAULTS=${PERCPU_LOOM_FAULTS:-2}
    export PERCPU_LOOM_PREEMPTIONS=${PERCPU_LOOM_PREEMPTIONS:-3}
fi

# From what the models print, "percpu model NAME: P plans, E executions, S s".
table() {
    grep -o 'percpu model [^ ]*: [0-9]* plans, [0-9]* executions, [0-9.]* s' "$1" |
        awk '{ name = substr($3, 1, length($3) - 1)
               plans[name] += $4; executions[name] += $6; seconds[name] += $8 }
             END { for (name in plans) {
                       printf "%8.1f s %8d plans %10d executions  %s\n",
                           seconds[name], plans[name], executions[name], name
                       s += seconds[name]; p += plans[name]; e += executions[name]; n++ }
                   printf "%8.1f s %8d plans %10d executions  all %d models\n", s, p, e, n }' |
        sort -rn
}

cfg_flags percpu_loom
models=(--profile loom -p percpu-core -p percpu-counter -p percpu-slab)
log=$(mktemp)
cargo test "${models[@]}" -p tickets --test loom -- --nocapture "$@" 2>&1 | tee "$log"
# The examples of docs/loom.md and of the module.
RUSTDOCFLAGS="$RUSTFLAGS" cargo test "${models[@]}" --doc model
echo "what each model explored, the longest first; several run at a time:"
table "$log"
rm -f "$log"
