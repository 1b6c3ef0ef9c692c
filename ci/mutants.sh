#!/usr/bin/env bash
# cargo-mutants over the files that only compute: nothing in them touches the system or
# another thread, so a unit test can see each change. A mutant that survives is a missing
# test, or has its reason in ci/mutants/survivors.txt.
#
#   ci/mutants.sh                         all of them
#   ci/mutants.sh layout histogram        these groups: area layout topology histogram slab backing
#   ci/mutants.sh area -- --shard 0/8     options of cargo mutants
#   ci/mutants.sh area -- --iterate       only those that nothing noticed the last time
#
# By hand: there are 2,000. The 205 of histogram took 275 s, and 386 s beside an emulated
# machine.
. "$(dirname "$0")/lib.sh"
begin mutants

# Group: package, files, and what tests them.
area=percpu-core/src/area
# But for its two slowest tests.
quick=(area:: --skip a_failure_at_any_call --skip machines_of_every_shape)
group() {
    case $1 in
    area)
        package=percpu-core
        files=("$area"/{bitmap,block,chunk,index,sizes,slots,spans,search,request,sanity,stats,chunk_stats,purge}.rs)
        build=(--lib) tests=("${quick[@]}")
        ;;
    backing)
        package=percpu-core
        files=("$area"/{populate,reclaim,refresh,update,vm_area,address_space,image}.rs)
        build=(--lib) tests=("${quick[@]}")
        ;;
    layout)
        package=percpu-core
        files=("$area"/layout{,_search,_space,_text}.rs)
        build=(--lib --test=layout_vectors --test=layout_properties) tests=(layout)
        ;;
    topology)
        package=percpu-core
        files=(percpu-core/src/sys/{cpulist,topology,topology_builder,topology_sysfs}.rs)
        build=(--lib --test={hotplug,topology_sysfs}) tests=(--skip area:: --skip hotplug::)
        ;;
    histogram)
        package=percpu-counter
        files=(percpu-counter/src/histogram/{iter,shape,snapshot,summary}.rs)
        build=(--lib --test=histogram --test=histogram_agrees) tests=()
        ;;
    slab)
        package=percpu-slab
        files=(percpu-slab/src/{raw/sizes,global/classes,keyed/key,hardened/shape}.rs)
        build=(--lib --test={cache,slab,slab_model,slab_sizes,slabs}) tests=()
        ;;
    *)
        echo "no group '$1': area backing layout topology histogram slab" >&2
        exit 1
        ;;
    esac
}

if ! cargo mutants --version > /dev/null 2>&1; then
    CARGO_TARGET_DIR=target/tools cargo install --quiet --debug --locked cargo-mutants
fi
wanted=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    wanted+=("$1")
    shift
done
[ $# -eq 0 ] || shift
[ ${#wanted[@]} -gt 0 ] || wanted=(area layout topology histogram slab backing)

# Not with the lints: a mutant may leave a function unused. Little is compiled anew.
export RUSTFLAGS=--cap-lints=warn CARGO_INCREMENTAL=1 CARGO_PROFILE_DEV_DEBUG=0
# Few rounds of what is random: what they find they find soon.
export PROPTEST_CASES=${PROPTEST_CASES:-4}
runner=$(host | tr 'a-z-' 'A-Z_')
export "CARGO_TARGET_${runner}_RUNNER=$PWD/ci/mutants/runner.sh"
out=target/mutants
mkdir -p "$out"
for name in "${wanted[@]}"; do
    group "$name"
    # Exit codes 2 and 3: some survived, or ran out of time; judged below.
    code=0
    cargo mutants --no-shuffle --baseline skip --timeout 15 --output "$out/$name" \
        --package "$package" "${files[@]/#/--file=}" "${build[@]/#/--cargo-arg=}" "$@" \
        -- -- "${tests[@]}" || code=$?
    [ "$code" -le 3 ] || exit "$code"
done

# Line and column move with every change above them: a line for each that may survive.
unexplained=$(comm -23 \
    <(for name in "${wanted[@]}"; do cat "$out/$name/mutants.out/missed.txt"; done |
        sed -E 's/:[0-9]+:[0-9]+:/:/' | sort -u) \
    <(grep -vE '^(#|$)' ci/mutants/survivors.txt | sort -u))
if [ -n "$unexplained" ]; then
    echo "survived, without a reason in ci/mutants/survivors.txt:"
    echo "$unexplained"
    exit 1
fi
