#!/usr/bin/env bash
# The benchmarks compile, and the programs behind README's tables run: too short,
# and beside too much else, for figures that mean anything. So they are not shown.
. "$(dirname "$0")/lib.sh"
begin bench-smoke

cargo bench -p percpu-benches --no-run
cargo run --release -p percpu-benches --bin ratios -- --rounds 15 --millis 1 > target/ratios-smoke.txt
grep -c "^| " target/ratios-smoke.txt | sed "s/$/ rows/"
cargo run --release -p percpu-benches --bin allocations -- --rounds 3 --millis 1 > target/allocations-smoke.txt
grep -c "^| " target/allocations-smoke.txt | sed "s/$/ rows/"
cargo run --release -p percpu-benches --bin counters -- --rounds 3 --millis 1 > target/counters-smoke.txt
grep -c "^| " target/counters-smoke.txt | sed "s/$/ rows/"
