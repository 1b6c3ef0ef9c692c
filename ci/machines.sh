#!/usr/bin/env bash
# percpu-core's tests in emulated machines: the sections of aarch64 run for real,
# and those of x86-64 on other kernels, with more CPUs and nodes than there are here.
#
#   ci/machines.sh            all machines of the table below
#   ci/machines.sh a57 x61    these
#
# Not part of .ci/run: it fetches 150 MB and takes a quarter of an hour on two cores. Static
# binaries and a busybox are all that a machine has. Each test of `injected` is also
# run there with the arming store removed, and must fail.
#
#   PERCPU_TEST_SCALE=0.1     how much of the long tests runs (see tests/common)
#   PERCPU_MACHINE_SECONDS    what a machine may take, start to end
. "$(dirname "$0")/lib.sh"
begin machines

machines() {
    local two four
    two='4 possible CPUs 0-3; 2 nodes; from sysfs'
    two+='; node 0: CPUs 0-1, 20 from the others; node 1: CPUs 2-3, 20 from the others'
    four='4 nodes; from sysfs; node 0: CPUs 0-1%s, 20 from the others'
    four+='; node 1: CPUs 2-3, 20 from the others; node 2: CPUs 4-5, 20 from the others'
    four+='; node 3: CPUs 6-7, 20 from the others'
    #    name arch    kernel of          CPU          the topology that the tests must find
    echo "a57  aarch64 bookworm           cortex-a57   $two"
    echo "n1   aarch64 bookworm-backports neoverse-n1  $two"
    echo "n1b  aarch64 trixie-backports   neoverse-n1  $two"
    # Until a CPU is plugged in, this kernel does not say of which node it will be.
    echo "x61  x86_64  bookworm           Nehalem      16 possible CPUs 0-15, present 0-7, online 0-7; ${four/\%s/,8-15}"
    echo "x612 x86_64  bookworm-backports Nehalem      8 possible CPUs 0-7; ${four/\%s/}"
    echo "x7   x86_64  trixie-backports   Nehalem      8 possible CPUs 0-7; ${four/\%s/}"
}
tests=(conformance stress local_lock stack memory machines)
injected=(exact_with_a_delay_before_the_commit two_never_hold_a_lock_with_a_delay_before_the_commit
    each_value_comes_out_once_with_a_delay_before_the_commit)
export PERCPU_TEST_SCALE=${PERCPU_TEST_SCALE:-0.1}
: "${PERCPU_MACHINE_SECONDS:=900}"

need qemu-system-aarch64 qemu-system-arm
need qemu-system-x86_64 qemu-system-x86
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
need cpio cpio
for arch in aarch64 x86_64; do
    [ -d "$(rustc --print target-libdir --target $arch-unknown-linux-gnu)" ] ||
        rustup --quiet target add $arch-unknown-linux-gnu
done

work=$PWD/target/machines
mkdir -p "$work"

# debian SUITE ARCH COMMAND...: apt with a state of its own, for a Debian that this
# machine is not; from the archive that this machine uses.
debian() {
    local suite=$1 arch=$2 state=$work/apt/$1-$2 command=$3 archive
    shift 3
    archive=$(apt-get indextargets --format '$(REPO_URI)' | grep -E '/debian/?$' | sort -u | head -n 1)
    mkdir -p "$state"/{etc/apt.conf.d,etc/preferences.d,lists/partial,archives/partial}
    : > "$state/status"
    echo "deb [arch=$arch signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main" \
        > "$state/etc/sources.list"
    "$command" -qq "$@" -o Dir::Etc="$state/etc" -o Dir::State="$state" -o Dir::Cache="$state" \
        -o Dir::State::status="$state/status" -o APT::Architecture="$arch" \
        -o APT::Architectures="$arch" -o APT::Sandbox::User= -o Acquire::Languages=none
}

# unpack SUITE ARCH PACKAGE: into $work/unpacked/PACKAGE, which it prints.
unpack() {
    local into=$work/unpacked/$3-$2
    if [ ! -d "$into" ]; then
        rm -rf "$into.new"
        mkdir -p "$into.new"
        (cd "$into.new" && debian "$1" "$2" apt-get download "$3" > /dev/null && dpkg-deb -x ./*.deb .)
        rm "$into.new"/*.deb
        mv "$into.new" "$into"
    fi
    echo "$into"
}

# system SUITE ARCH: the suite's kernel as $work/SUITE-ARCH/kernel, busybox beside it.
system() {
    local into=$work/$1-$2 package=linux-image-cloud-$2 next
    [ -s "$into/kernel" ] && return
    mkdir -p "$into"
    debian "$1" "$2" apt-get update
    # The package names the newest kernel, which may itself be in a third.
    while next=$(debian "$1" "$2" apt-cache depends "$package" |
        grep -oE 'Depends: linux-(image|binary)-[0-9][^ ]*'); do
        package=${next#Depends: }
    done
    [ -d "$work/apt/bookworm-$2/lists/auxfiles" ] || debian bookworm "$2" apt-get update
    cp "$(unpack bookworm "$2" busybox-static)/bin/busybox" "$into/busybox"
    cp "$(find "$(unpack "$1" "$2" "$package")" -type f -name 'vmlinuz*')" "$into/kernel"
    echo "$package" > "$into/name"
}

# build FOLDER ARCH FLAGS TESTS...: static binaries in $work/bin/ARCH/FOLDER.
build() {
    local folder=$1 arch=$2 flags=$3 into=$work/bin/$2/$1 test selected=()
    shift 3
    for test in "$@"; do selected+=(--test "$test"); done
    rm -rf "$into"
    mkdir -p "$into"
    # What the tests use besides us may be slow; it is not to be built for long.
    RUSTFLAGS="-C target-feature=+crt-static $flags" \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        cargo test -q --no-run --release -p percpu-core --target "$arch-unknown-linux-gnu" \
        --target-dir "$work/build/$folder" --message-format=json "${selected[@]}" \
        --config 'profile.release.package."*".opt-level=0' --config profile.release.debug=0 |
        grep -oE '"executable":"[^"]+"' | cut -d'"' -f4 |
        while read -r binary; do
            test=$(basename "$binary")
            cp "$binary" "$into/${test%-*}"
        done
}

# What runs in the machine. It must end well by itself: whoever waits sees the console.
init() {
    cat << INIT
#!/busybox sh
/busybox mkdir -p /proc /sys /dev /tmp
/busybox mount -t proc proc /proc
/busybox mount -t sysfs sys /sys
/busybox mount -t devtmpfs dev /dev
/busybox mount -t tmpfs tmp /tmp
export TMPDIR=/tmp PERCPU_TEST_SCALE=$PERCPU_TEST_SCALE PERCPU_TEST_TOPOLOGY="$1"
/busybox uname -rm
run() {
    read -r from rest < /proc/uptime
    "\$@"
    code=\$?
    read -r to rest < /proc/uptime
    echo "MACHINE \${from%.*} \${to%.*} \$code \$*"
}
for test in /test/*; do run "\$test" --test-threads=1 --nocapture; done
for name in ${injected[*]}; do run /mutated/inject --exact "\$name" --test-threads=1; done
echo MACHINE END
/busybox poweroff -f
INIT
}

# start ARCH CPU KERNEL INITRD: nodes of equal size, four CPUs in two or eight in four.
start() {
    local arch=$1 cpu=$2 kernel=$3 initrd=$4 node nodes here console command
    case $arch in
    aarch64)
        nodes=2 console=ttyAMA0
        command=(qemu-system-aarch64 -M virt,gic-version=3 -smp 4) ;;
    x86_64)
        nodes=4 console=ttyS0
        # Half of the CPUs are not plugged in. The cmpxchg16b of qemu 7.2 leaves wrong
        # flags behind, which newer kernels die of.
        cpu+=,-cx16
        command=(qemu-system-x86_64 -M q35 -smp 8,maxcpus=16) ;;
    esac
    for node in $(seq 0 $((nodes - 1))); do
        command+=(-object "memory-backend-ram,id=node$node,size=512M")
        # Two CPUs a node; on x86-64 two more that are not plugged in.
        here=cpus=$((node * 2))-$((node * 2 + 1))
        [ "$arch" = aarch64 ] || here+=,cpus=$((node * 2 + 8))-$((node * 2 + 9))
        command+=(-numa "node,nodeid=$node,memdev=node$node,$here")
    done
    nice timeout -k 5 "$PERCPU_MACHINE_SECONDS" "${command[@]}" -cpu "$cpu" -m $((nodes * 512))M \
        -accel tcg,thread=multi -nodefaults -display none -no-reboot -serial stdio \
        -kernel "$kernel" -initrd "$initrd" \
        -append "console=$console quiet loglevel=3 panic=-1 mitigations=off rdinit=/init" < /dev/null 2>&1
}

# judge NAME LOG COUNT: a line for each of COUNT tests and the mutated ones; fails
# unless every one ran and ended as it must.
judge() {
    local name=$1 log=$2 count=$3 kernel bad=0 setting
    kernel=$(grep -m 1 -oE '^[0-9]+\.[0-9]+\.[0-9]+[^ ]*' "$log" || echo "no kernel")
    # shellcheck disable=SC2016
    awk -v name="$name" -v kernel="$kernel" -v wanted=$((count + ${#injected[@]})) '
        /^assertion `left == right` failed/ { lost = 1 }
        match($0, /[0-9]+ aborts$/) { aborts += substr($0, RSTART) }
        /^MACHINE [0-9]/ {
            mutated = $5 ~ /mutated/
            # A mutation is caught by a sum that is not exact, not by a crash.
            good = mutated ? $4 == 101 && lost : $4 == 0
            what = mutated ? "no_arm: " $7 : substr($5, 7)
            printf "%-5s %-28s %-62s %-6s %4d s%s\n", name, kernel, what,
                good ? (mutated ? "caught" : "ok") : "FAILED", $3 - $2,
                mutated ? "" : sprintf(" %7d aborts", aborts)
            aborts = lost = 0; count += good
        }
        END { exit count != wanted }' "$log" || bad=1
    while read -r setting; do
        grep -q ": $setting, [0-9]* aborts" "$log" || { echo "$name: no test says '$setting'"; bad=1; }
    done << SETTINGS
as it comes: rseq (threads registered by libc)
own registration: rseq (threads registered by percpu)
portable: portable (as requested)
portable without libc's rseq: portable (as requested)
SETTINGS
    if [ $bad -ne 0 ]; then
        echo "$name: FAILED; the console:"
        tail -n 60 "$log"
    fi
    return $bad
}

chosen=("$@")
ran=() failed=() left=()
built=
while read -r -u 3 name arch suite cpu topology; do
    if [ ${#chosen[@]} -gt 0 ] && [[ " ${chosen[*]} " != *" $name "* ]]; then
        left+=("$name")
        continue
    fi
    if [[ $built != *$arch* ]]; then
        echo "building for $arch"
        build test "$arch" "" "${tests[@]}"
        build injected "$arch" "--cfg percpu_inject" inject
        if [ "$arch" = aarch64 ]; then
            # The abort handlers half a gigabyte away: their way back takes a veneer.
            build far "$arch" "--cfg percpu_inject -C link-arg=-Wl,--section-start=__rseq_failure=0x20000000" inject
        fi
        built+=" $arch"
    fi
    debian_arch=${arch/x86_64/amd64}
    debian_arch=${debian_arch/aarch64/arm64}
    if ! system "$suite" "$debian_arch"; then
        did_not_run "machine $name: no kernel of $suite for $debian_arch to be had"
        left+=("$name")
        continue
    fi
    root=$work/root
    rm -rf "$root"
    mkdir -p "$root/mutated"
    cp -r "$work/bin/$arch/test" "$root/test"
    cp "$work/bin/$arch/injected/inject" "$root/test/"
    [ "$arch" = x86_64 ] || cp "$work/bin/$arch/far/inject" "$root/test/inject-far"
    count=$(find "$root/test" -type f | wc -l)
    printf '#!/busybox sh\nPERCPU_MUTATE=no_arm exec /test/inject "$@"\n' > "$root/mutated/inject"
    chmod +x "$root/mutated/inject"
    cp "$work/$suite-$debian_arch/busybox" "$root/busybox"
    init "$topology" > "$root/init"
    chmod +x "$root/init"
    (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) > "$work/$name.initrd"
    for attempt in 1 2 3; do
        start "$arch" "$cpu" "$work/$suite-$debian_arch/kernel" "$work/$name.initrd" |
            tr -d '\r' > "$work/$name.log" || true
        # qemu's threads sometimes see a kernel half patched while it starts. Once
        # a test has started there is no second try.
        ! grep -q '^running ' "$work/$name.log" || break
        echo "$name: attempt $attempt ended before the first test"
    done
    if judge "$name" "$work/$name.log" "$count"; then ran+=("$name"); else failed+=("$name"); fi
done 3< <(machines)

trap - EXIT
verdict=FAILED
[ ${#failed[@]} -gt 0 ] || [ ${#ran[@]} -eq 0 ] || verdict=passed
echo "== machines: $verdict in $SECONDS s: passed ${ran[*]:-none}; failed ${failed[*]:-none};" \
    "did not run: ${left[*]:-none}"
[ $verdict = passed ]
