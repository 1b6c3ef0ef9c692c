#!/usr/bin/env bash
# Sections in a debugger: gdb steps through a program with one section of each kind
# (percpu-core/tests/stepped.rs). `ci/sections.py` says what is checked.
. "$(dirname "$0")/lib.sh"
begin gdb
if ! need gdb gdb; then
    did_not_run "gdb: no gdb"
    exit 0
fi
# As it is for `ci/inject.sh`, whose build it shares: optimised.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/inject RUSTFLAGS="--cfg percpu_inject"
test=every_kind_of_section_is_exact
program=$(built --release -p percpu-core --features lock_api --test stepped)
[ -x "$program" ]
usual=$("$program" --exact $test --nocapture)
if ! grep -q 'exact: rseq' <<< "$usual"; then
    did_not_run "gdb: no sections here: $(grep exact: <<< "$usual")"
    exit 0
fi
# As the linker knows it: what debug information calls it depends on how much there is.
function=$(nm "$program" | sed -n 's/.* [tT] \(.*7stepped12step_through.*\)/\1/p')
log=$(mktemp)
AT_LEAST=25 STEPPED=$function timeout 120 \
    gdb -q -nx -batch -x ci/sections.py --args "$program" --exact $test --nocapture > "$log" 2>&1 ||
    { cat "$log"; exit 1; }
grep -E '^[0-9]+ (sections|steps)|FAILED|exact:|^test ' "$log"
# The stepped program's own sums, and that nothing stopped the script.
# What the program says of its tests, gdb may say of threads into.
grep -q 'exact: rseq' "$log" && grep -q 'exited normally' "$log" || { cat "$log"; exit 1; }
rm -f "$log"
