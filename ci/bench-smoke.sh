#!/usr/bin/env bash
# The benchmarks compile, and the programs behind README's tables run: too short, beside
# too much else, and as ci/test.sh has built them, for figures that mean anything. So
# they are not shown.
. "$(dirname "$0")/lib.sh"
begin bench-smoke

cargo build --workspace --all-features --benches --bins
for program in "ratios --rounds 15" "allocations --rounds 3" "counters --rounds 3"; do
    read -ra words <<< "$program"
    rows=$("${CARGO_TARGET_DIR:-target}/debug/${words[0]}" "${words[@]:1}" --millis 1 | grep -c "^| ")
    echo "${words[0]}: $rows rows"
done
