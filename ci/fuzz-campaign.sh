#!/usr/bin/env bash
# Fuzz targets for long, two at a time, and what of the libraries they reached; see
# docs/fuzzing.md.
#
#   ci/fuzz-campaign.sh [minutes] [targets...]   10 minutes each, all targets
#   ci/fuzz-campaign.sh coverage [targets...]    the coverage of what is there, alone
#   ci/fuzz-campaign.sh keep [targets...]        a new corpus: of what is kept and what was
#                                                found, small inputs that reach as far
. "$(dirname "$0")/lib.sh"
begin fuzz-campaign
what=${1:-10}
[ $# -eq 0 ] || shift

# For the coverage they are built another way.
[ "$what" = coverage ] || fuzz_build
logs=target/fuzz-campaign
mkdir -p "$logs"
if [ $# -gt 0 ]; then targets=("$@"); else mapfile -t targets < <(fuzz_list); fi
export logs

# A number that the fuzzer told at its end.
stat_of() { sed -n "s/^stat::$2: *//p" "$logs/$1.log"; }

one() {
    # -1: what is the matter is in the log, and in the table.
    nice -n 15 bash -c 'fuzz_run "$0" -max_total_time="$1"' "$1" "$seconds" > "$logs/$1.log" 2>&1 ||
        echo "$1 FAILED: $logs/$1.log; the input is in target/fuzz-failed/$1"
}

# Executions, edges and features covered, inputs, the slowest of them, the peak of memory.
report() {
    printf '%-12s %12s %8s %7s %9s %7s %8s %6s\n' \
        target executions exec/s edges features inputs slowest MiB
    local target all=0
    for target in "${targets[@]}"; do
        local last executions
        last=$(grep -E '^#[0-9]+.* cov: ' "$logs/$target.log" | tail -n 1)
        executions=$(stat_of "$target" number_of_executed_units)
        all=$((all + ${executions:-0}))
        printf '%-12s %12s %8s %7s %9s %7s %6s s %6s\n' "$target" "${executions:-failed}" \
            "$(stat_of "$target" average_exec_per_sec)" \
            "$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' <<< "$last")" \
            "$(sed -n 's/.* ft: \([0-9]*\).*/\1/p' <<< "$last")" \
            "$(sed -n 's|.* corp: \([0-9]*\).*|\1|p' <<< "$last")" \
            "$(stat_of "$target" slowest_unit_time_sec)" "$(stat_of "$target" peak_rss_mb)"
    done
    echo "$all executions"
}

# Lines of the three crates that all inputs together reach, file by file.
coverage() {
    local host tools target data=$logs/all.profdata
    host=$(host)
    tools=$(rustc --print sysroot)/lib/rustlib/$host/bin
    if [ ! -x "$tools/llvm-cov" ] &&
        ! timeout 300 rustup component add llvm-tools > "$logs/llvm-tools.log" 2>&1; then
        did_not_run "coverage of the fuzz targets (rustup has no llvm-tools here)"
        return 0
    fi
    local raw=target/fuzz-coverage-raw objects=()
    rm -rf "$raw"
    mkdir -p "$raw"
    # By hand, as cargo-fuzz would build and merge once a target. Those on pretend CPUs
    # run another body of the operations, and are not counted.
    RUSTFLAGS="-Cinstrument-coverage -Ccodegen-units=1 --cfg fuzzing -Cdebug-assertions" \
        CARGO_TARGET_DIR=target/fuzz-coverage CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
        cargo build --quiet --release --manifest-path fuzz/Cargo.toml --target "$host"
    for target in "${targets[@]}"; do
        [ -x "target/fuzz-coverage/$host/release/$target" ] || continue
        local binary=target/fuzz-coverage/$host/release/$target
        LLVM_PROFILE_FILE="$raw/$target.profraw" FUZZ_TARGETS=$(dirname "$binary") \
            nice -n 15 bash -c 'fuzz_run "$0" -runs=0' "$target" > "$logs/$target.replay" 2>&1 ||
            echo "$target FAILED on what is kept: $logs/$target.replay"
        objects+=(-object "$binary")
    done
    "$tools/llvm-profdata" merge -sparse "$raw"/*.profraw -o "$data"
    "$tools/llvm-cov" export -summary-only -instr-profile "$data" "${objects[@]}" |
        python3 ci/fuzz_coverage.py "$PWD" | tee "$logs/coverage.txt"
}

# Of all inputs, kept or found, those that are needed to reach what all reach: the
# smallest first, up to 40 KiB a target, as the corpus.
keep() {
    local target file
    for target in "${targets[@]}"; do
        local all=$logs/merged/$target corpus=fuzz/corpus/$target bytes=0 files=0
        rm -rf "$all"
        mkdir -p "$all" "$corpus" "target/fuzz-found/$target"
        nice -n 15 "$FUZZ_TARGETS/$target" -set_cover_merge=1 -max_len=2048 -rss_limit_mb=2048 -timeout=30 \
            "$all" "$corpus" "target/fuzz-found/$target" > "$logs/$target.keep" 2>&1
        rm -rf "$corpus"
        mkdir -p "$corpus"
        while read -r size file; do
            bytes=$((bytes + size))
            [ "$bytes" -le 40960 ] || break
            cp "$file" "$corpus/"
            files=$((files + 1))
        done < <(find "$all" -type f -printf '%s %p\n' | sort -n)
        echo "$target: $files inputs of $(find "$all" -type f | wc -l)"
    done
}

export -f fuzz_run one
case $what in
    coverage) coverage ;;
    keep) keep ;;
    *)
        seconds=$((what * 60))
        export seconds
        printf '%s\n' "${targets[@]}" | xargs -P 2 -I '{}' bash -c 'one {}'
        report | tee "$logs/report.txt"
        coverage
        ! grep -lE 'ERROR: (libFuzzer|AddressSanitizer|LeakSanitizer)' "$logs"/*.log
        ;;
esac
