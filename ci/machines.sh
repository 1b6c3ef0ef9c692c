#!/usr/bin/env bash
# The tests of the three crates in emulated machines: the sections of aarch64 run for
# real, and those of x86-64 on other kernels; eight CPUs in four nodes with distances,
# numbers with gaps, CPUs that go and come while the tests run, kernels without rseq.
#
#   ci/machines.sh                all machines of ci/machines/table.sh
#   ci/machines.sh a57 x61        these
#   ci/machines.sh --short        one for each architecture, with the most telling tests
#   ci/machines.sh --built ...    what was built before
#   ci/machines.sh --record ...   and writes what came of it into docs/machines.md
#
# Not part of .ci/run: it fetches 200 MB and takes hours on two cores. Static
# binaries and a busybox are all that a machine has; ci/machines/skips says what cannot run
# there and why. Sections that lack something are run too, and must be noticed.
#
#   PERCPU_TEST_SCALE=0.02    how much of the long tests runs (see tests/common)
#   PERCPU_TEST_SECONDS       what a binary may take
#   PERCPU_MACHINE_SECONDS    what a machine may take, start to end
#   PERCPU_MACHINE_PASSES     of the machines' passes, only these
#   PERCPU_MACHINE_TESTS      of the test binaries, only these
. "$(dirname "$0")/lib.sh"
begin machines
parts=ci/machines
for part in table fetch build qemu; do . "$parts/$part.sh"; done

export PERCPU_TEST_SCALE=${PERCPU_TEST_SCALE:-0.02} PROPTEST_CASES=${PROPTEST_CASES:-16}
: "${PERCPU_MACHINE_SECONDS:=10800}" "${PERCPU_MACHINE_PASSES:=}" "${PERCPU_MACHINE_TESTS:=}"
short= record= built=
chosen=()
for word in "$@"; do
    case $word in
    --short) short=1 ;;
    --record) record=1 ;;
    --built) built=1 ;;
    *) chosen+=("$word") ;;
    esac
done
[ -z "$short" ] || [ ${#chosen[@]} -gt 0 ] || chosen=("${short_machines[@]}")

if [ -n "$record" ] && [ -n "$PERCPU_MACHINE_TESTS" ]; then
    echo "--record is for whole passes, not for PERCPU_MACHINE_TESTS" >&2
    exit 1
fi

need qemu-system-aarch64 qemu-system-arm
need qemu-system-x86_64 qemu-system-x86
need qemu-aarch64-static qemu-user-static
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
need fdtput device-tree-compiler
need cpio cpio

work=$PWD/target/machines
mkdir -p "$work"
# What is built now, whatever is committed until it has run.
commit=$(git rev-parse --short HEAD)$(git diff --quiet HEAD -- . ':!docs/machines.md' || echo ' and changes')

# passes_of WORDS...: what is run of a machine's passes.
passes_of() {
    local pass
    for pass in "$@"; do
        [ -z "$short" ] || [ "$pass" = short ] || [ "$pass" = hotplug ] || continue
        [ -z "$PERCPU_MACHINE_PASSES" ] || [[ " $PERCPU_MACHINE_PASSES " = *" $pass "* ]] || continue
        echo "$pass"
    done
}

# list_of TARGET PASSES...: lines for run.sh.
list_of() {
    local target=$1 bin=$work/bin/$1 pass binary mutation test folder
    shift
    for pass in "$@"; do
        case $pass in
        all)
            for folder in test injected far; do
                [ -d "$bin/$folder" ] || continue
                (cd "$bin" && find "$folder" -type f | sort) | while read -r binary; do
                    grep -qE "^any [a-z]+ (${binary%%/*}/)?${binary#*/} \* " "$parts/skips" || echo "all $binary"
                done
            done ;;
        storms) printf 'storms test/%s\n' "${storm_binaries[@]}" ;;
        hotplug | norseq)
            if [ -n "$short" ]; then
                printf "$pass test/%s\n" "${short_binaries[@]}"
            else
                printf "$pass test/%s\n" "${storm_binaries[@]}"
            fi ;;
        mutated)
            mutations | while read -r mutation binary test; do
                echo "$mutation injected/percpu-core/$binary $test"
            done ;;
        *) printf "$pass test/%s\n" "${short_binaries[@]}" ;;
        esac
    done
}

# prepare TARGET PASSES...: the binaries that these passes want; each set once.
prepared=
prepare() {
    local target=$1 pass
    shift
    [ -d "$(rustc --print target-libdir --target "$target")" ] || rustup --quiet target add "$target"
    for pass in test "$@"; do
        [[ " $prepared " != *" $target:$pass "* ]] || continue
        prepared+=" $target:$pass"
        case $pass in
        test)
            echo "building for $target"
            if [ "$target" = "$native" ]; then
                build test "$target" "" --workspace
            else
                build test "$target" "" "${LIBRARIES[@]}" --lib --tests
            fi
            awk '$4 == "*" { print $3 }' "$parts/skips" | while read -r binary; do
                [ -e "$work/bin/$target/test/${binary#test/}" ] || { echo "skips: there is no $binary"; exit 1; }
            done
            local compiler=gcc
            [[ $target != aarch64* ]] || compiler=aarch64-linux-gnu-gcc
            "$compiler" -O -Wall -Werror -static -o "$work/bin/$target/without" "$parts/without.c" ;;
        all | mutated)
            [[ " $prepared " != *" $target:injected "* ]] || continue
            prepared+=" $target:injected"
            build injected "$target" "--cfg percpu_inject" -p percpu-core $(printf -- '--test %s ' "${injected_binaries[@]}")
            # The abort handlers half a gigabyte away: their way back takes a veneer.
            [[ $target != aarch64* ]] || build far "$target" \
                "--cfg percpu_inject -C link-arg=-Wl,--section-start=__rseq_failure=0x20000000" -p percpu-core --test inject ;;
        esac
    done
}

# folder NAME TARGET SHAPE SUITE PASSES...: what a machine is told, in $work/NAME.tests.
folder() {
    local name=$1 target=$2 shape=$3 suite=$4 into=$work/$1.tests topology line words
    shift 4
    rm -rf "$into"
    mkdir -p "$into"
    cp "$parts/run.sh" "$into/"
    grep -v '^#' "$parts/skips" > "$into/skips"
    list_of "$target" "$@" | while read -r line; do
        read -ra words <<< "$line"
        [ -z "$PERCPU_MACHINE_TESTS" ] || [[ " $PERCPU_MACHINE_TESTS " = *" ${words[1]##*/} "* ]] || continue
        if [ -z "$built" ] || [ -e "$work/bin/$target/${words[1]}" ]; then
            echo "$line"
        else
            did_not_run "$name: $line was never built" >&2
        fi
    done > "$into/list"
    topology=$(topology "$name" "$shape" "$suite" "$target")
    {
        echo "WHERE='$name $suite' TEST_SECONDS=${PERCPU_TEST_SECONDS:-3600} PRESENT=$([ "$shape" = two ] && echo 4 || echo 8)"
        echo "OFFLINE='1 3 4' TOPOLOGY=\"$topology\""
        echo "TOPOLOGY_OFFLINE=\"${topology/CPUs 0-7/CPUs 0-7, online 0,2,5-7}\""
        echo "export TMPDIR=/tmp PERCPU_TEST_SCALE=$PERCPU_TEST_SCALE PROPTEST_CASES=$PROPTEST_CASES"
    } > "$into/settings"
}

# machine NAME TARGET SUITE CPU SHAPE APPEND: boots it; the console is $work/NAME.log.
machine() {
    local name=$1 target=$2 suite=$3 cpu=$4 shape=$5 append=$6 arch=arm64 root=$work/$1.root plug=
    [[ $target = aarch64* ]] || arch=amd64
    system "$suite" "$arch" || return 2
    rm -rf "$root"
    mkdir -p "$root/bin" "$root/tests/bin"
    mv "$work/$name.tests"/* "$root/tests/"
    cp "$work/$suite-$arch/busybox" "$root/bin/busybox"
    cp "$work/bin/$target/without" "$root/tests/"
    awk '{ print $2 }' "$root/tests/list" | sort -u | while read -r binary; do
        mkdir -p "$root/tests/bin/$(dirname "$binary")"
        cp "$work/bin/$target/$binary" "$root/tests/bin/$binary"
        [ "$target" != "$native" ] || libraries "$work/bin/$target/$binary" "$root"
    done
    init > "$root/init"
    chmod +x "$root/init"
    pack "$root" > "$work/$name.initrd"
    mv "$root/tests/list" "$work/$name.list"
    rm -rf "$root"
    for attempt in 1 2 3; do
        rm -f "$work/$name.log"
        if grep -q '^plug ' "$work/$name.list"; then
            plug_in "$name" "$cpu" &
            plug=$!
        fi
        start "$name" "$target" "$cpu" "$shape" "$work/$suite-$arch/kernel" "$work/$name.initrd" "${append#-}" |
            sed -u 's/\r//g' > "$work/$name.log" || true
        [ -z "$plug" ] || kill "$plug" 2> /dev/null || true
        # qemu's threads sometimes see a kernel half patched while it starts. Once
        # a test has started there is no second try.
        ! grep -q '^running ' "$work/$name.log" || break
        echo "$name: attempt $attempt ended before the first test"
    done
    rm -f "$work/$name.initrd"
}

# plug_in NAME CPU: when the machine asks for it, another CPU.
plug_in() {
    until grep -q '^MACHINE PLUG' "$work/$1.log" 2> /dev/null; do sleep 1; done
    echo "device_add $2-x86_64-cpu,cx16=off,id=more,socket-id=9,core-id=0,thread-id=0" > "$work/$1.monitor.in"
}

# user NAME TARGET: on this machine, each program translated by qemu, its children too: by
# their names, in a namespace of its own.
user() {
    local name=$1 target=$2 into=$work/$1.tests binary
    mkdir -p "$into/bin"
    awk '{ print $2 }' "$into/list" | sort -u | while read -r binary; do
        mkdir -p "$into/bin/$(dirname "$binary")"
        ln "$work/bin/$target/$binary" "$into/bin/$binary.emu"
    done
    sed -i 's/$/.emu/' "$into/list"
    sed -Ei 's/^((any|user|'"$name"') [a-z]+ )([^ ]+)/\1\3.emu/; s/ TOPOLOGY=.*//' "$into/skips" "$into/settings"
    (cd "$into" && timeout -k 5 "$PERCPU_MACHINE_SECONDS" unshare --user --map-root-user --mount sh -c "
        mount -t binfmt_misc none /proc/sys/fs/binfmt_misc &&
        echo ':percpu:E::emu::$(command -v "qemu-${target%%-*}-static"):F' > /proc/sys/fs/binfmt_misc/register &&
        TOPOLOGY= sh ./run.sh") > "$work/$name.log" 2>&1 < /dev/null || true
    cp "$into/list" "$work/$name.list"
}

ran=() failed=() left=()
rm -f "$work"/*.rows
while read -r -u 3 name target suite cpu shape append passes; do
    if [ ${#chosen[@]} -gt 0 ] && [[ " ${chosen[*]} " != *" $name "* ]]; then
        left+=("$name")
        continue
    fi
    # shellcheck disable=SC2046,SC2086 # words
    set -- $(passes_of $passes)
    [ $# -gt 0 ] || continue
    [ -n "$built" ] || prepare "$target" "$@"
    folder "$name" "$target" "$shape" "$suite" "$@"
    if [ "$suite" = user ]; then
        if ! unshare --user --map-root-user --mount true; then
            did_not_run "machine $name: no namespaces here"
            left+=("$name")
            continue
        fi
        user "$name" "$target"
    elif ! machine "$name" "$target" "$suite" "$cpu" "$shape" "${append//+/ }"; then
        did_not_run "machine $name: no kernel of $suite to be had"
        left+=("$name")
        continue
    fi
    kernel=$(grep -m 1 -oE '^[0-9]+\.[0-9]+\.[0-9]+[^ ]*' "$work/$name.log" || echo "qemu's user mode")
    if awk -v name="$name" -v target="$target" -v kernel="$kernel" -v host="$suite" -v list="$work/$name.list" \
        -v some="$PERCPU_MACHINE_TESTS" -v table="$work/$name.rows" -f "$parts/judge.awk" "$work/$name.log"; then
        ran+=("$name")
    else
        echo "$name: FAILED; the console is target/machines/$name.log and ends so:"
        tail -n 40 "$work/$name.log"
        failed+=("$name")
    fi
done 3< <(machines)
[ -z "$record" ] || bash "$parts/record.sh" "$work" "$commit"

trap - EXIT
verdict=FAILED
[ ${#failed[@]} -gt 0 ] || [ ${#ran[@]} -eq 0 ] || verdict=passed
echo "== machines: $verdict in $SECONDS s: passed ${ran[*]:-none}; failed ${failed[*]:-none};" \
    "did not run: ${left[*]:-none}"
[ $verdict = passed ]
