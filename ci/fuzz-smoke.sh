#!/usr/bin/env bash
# Each fuzz target for a few seconds (the first argument, else 15), from the
# corpus in the tree. New inputs go to target/, not to the corpus.
. "$(dirname "$0")/lib.sh"
begin fuzz-smoke
each=${1:-15}

# The sanitizer's flags want a nightly compiler; so said, the stable one takes
# them too, and the fuzzer runs the compiler of the other scripts.
export RUSTC_BOOTSTRAP=1

if ! cargo fuzz --version > /dev/null 2>&1; then
    CARGO_TARGET_DIR=target/tools cargo install --quiet --debug --locked cargo-fuzz
fi
for target in $(cargo fuzz list); do
    found=target/fuzz-found/$target
    mkdir -p "$found"
    inputs=("$found")
    [ -d "fuzz/corpus/$target" ] && inputs+=("fuzz/corpus/$target")
    options=(-max_total_time="$each" -print_final_stats=1 -verbosity=0)
    [ -f "fuzz/dict/$target.dict" ] && options+=(-dict="fuzz/dict/$target.dict")
    echo "-- $target"
    cargo fuzz run "$target" "${inputs[@]}" -- "${options[@]}"
done
