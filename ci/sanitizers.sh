#!/usr/bin/env bash
# The tests of the three crates, built with a sanitizer: address, which looks for leaks
# as well, and leak, which looks for them alone, with the restartable sections; thread
# with the portable body, as it cannot see assembly.
#
#   ci/sanitizers.sh                        address, then thread
#   ci/sanitizers.sh address                one
#   ci/sanitizers.sh thread percpu-slab/    one, tests whose suite::name contains it
#
# Not in the gate: it needs a nightly compiler and, for thread, builds the standard
# library. What is skipped, and why, is the table of docs/sanitizers.md.
#
#   PERCPU_TEST_SCALE=0.1    how much of the long tests runs
. "$(dirname "$0")/lib.sh"
begin sanitizers
need python3 python3
python3 ci/sanitizers_test.py --quiet

# Their reports name lines with it.
need llvm-symbolizer llvm || did_not_run "llvm-symbolizer: reports will name addresses"
host=$(rustc +nightly -vV 2> /dev/null | sed -n 's/^host: //p')
if [ -z "$host" ]; then
    did_not_run "sanitizers (no nightly toolchain)"
    exit 0
fi

run() {
    local tool=$1 filter=${2:-} std=()
    case $tool in
    address | leak) ;;
    # What the standard library orders is not seen unless it is built so as well. It
    # is called at each step, so some optimisation saves more than it costs.
    thread)
        std=(-Zbuild-std)
        export CARGO_PROFILE_DEV_OPT_LEVEL=1
        if ! rustup component add --toolchain nightly rust-src > /dev/null 2>&1; then
            did_not_run "sanitizer thread (no sources of the standard library)"
            return
        fi
        ;;
    *)
        echo "no sanitizer '$tool': address, leak, thread" >&2
        return 1
        ;;
    esac
    (
        export RUSTFLAGS="-Zsanitizer=$tool" CARGO_TARGET_DIR=target/sanitizers/$tool
        export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=line-tables-only
        export PERCPU_TEST_SCALE=${PERCPU_TEST_SCALE:-0.1}
        # Some tests ask for more memory than there is, and are to be refused; some fork
        # while other threads run.
        export ASAN_OPTIONS="allocator_may_return_null=1:${ASAN_OPTIONS:-}"
        export LSAN_OPTIONS="allocator_may_return_null=1:suppressions=$PWD/ci/lsan.supp:print_suppressions=0:${LSAN_OPTIONS:-}"
        export TSAN_OPTIONS="allocator_may_return_null=1:die_after_fork=0:${TSAN_OPTIONS:-}"
        built=$(cargo +nightly test "${std[@]}" --target "$host" "${LIBRARIES[@]}" --all-features \
            --lib --tests --no-run --message-format=json)
        python3 ci/sanitizers.py "$tool" "$filter" <<< "$built"
    )
}

failed=()
for tool in ${1:-address thread}; do
    start=$SECONDS
    run "$tool" "${2:-}" || failed+=("$tool")
    echo "-- $tool: $((SECONDS - start)) s"
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
