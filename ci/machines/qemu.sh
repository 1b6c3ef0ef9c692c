# Starts machines for machines.sh. Sourced, not run; wants $work.

# What a machine does first.
init() {
    cat << 'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mkdir -p /proc /sys /dev /tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
uname -rm
cd /tests
# It must end well by itself: whoever waits sees the console.
sh run.sh
poweroff -f
INIT
}

# pack FOLDER: as the kernel unpacks it. Several of these may follow one another.
pack() {
    (cd "$1" && find . | cpio --quiet -o -H newc)
}

# The distances of four nodes, as qemu is told them.
distances() {
    local pair
    for pair in 0,dst=1,val=16 0,dst=2,val=22 0,dst=3,val=32 1,dst=2,val=32 1,dst=3,val=22 2,dst=3,val=16; do
        echo -numa "dist,src=$pair"
    done
}

# start NAME TARGET CPU SHAPE KERNEL INITRD APPEND: the console goes to stdout.
#   four   eight CPUs in four nodes with distances; on x86-64 eight more can be plugged in
#   gaps   the same, but of CPUs 3 and 6 the firmware does not say how they are started:
#          the kernel does not count them as possible
#   odd    eight CPUs in two nodes, one without memory; a third has memory alone
#   two    four CPUs in two nodes
start() {
    local name=$1 target=$2 cpu=$3 shape=$4 kernel=$5 initrd=$6 append=$7 console node nodes=4 cpus=8
    local command memory=768 here
    [ "$shape" != two ] || nodes=2 cpus=4
    case $target in
    aarch64*)
        console=ttyAMA0
        command=(qemu-system-aarch64 -M virt,gic-version=3 -smp $cpus) ;;
    x86_64*)
        console=ttyS0
        # The cmpxchg16b of qemu 7.2 leaves wrong flags behind, which newer kernels die of.
        cpu+=,-cx16
        # So from the start: a CPU that comes later shows it, and the kernel then patches code
        # that qemu runs on another CPU; a machine died of that.
        append+=" tsc=unstable"
        command=(qemu-system-x86_64 -M q35 -smp $cpus,maxcpus=$((cpus * 2)),sockets=$((cpus * 2)),cores=1,threads=1)
        mkfifo "$work/$name.monitor.in" "$work/$name.monitor.out" 2> /dev/null || true
        command+=(-chardev "pipe,id=monitor,path=$work/$name.monitor" -mon monitor) ;;
    esac
    if [ "$shape" = odd ]; then
        command+=(-object memory-backend-ram,id=node0,size=2048M -object memory-backend-ram,id=node1,size=1024M
            -numa node,nodeid=0,memdev=node0,cpus=0-3,cpus=8-15 -numa node,nodeid=1,memdev=node1
            -numa node,nodeid=2,cpus=4-7 -m 3072M)
    else
        for node in $(seq 0 $((nodes - 1))); do
            command+=(-object "memory-backend-ram,id=node$node,size=${memory}M")
            # Two CPUs a node; on x86-64 two more that are not plugged in.
            here=cpus=$((node * 2))-$((node * 2 + 1))
            [[ $target = aarch64* ]] || here+=,cpus=$((node * 2 + cpus))-$((node * 2 + cpus + 1))
            command+=(-numa "node,nodeid=$node,memdev=node$node,$here")
        done
        # shellcheck disable=SC2207 # words
        [ $nodes != 4 ] || command+=($(distances))
        command+=(-m $((nodes * memory))M)
    fi
    command+=(-cpu "$cpu" -accel "tcg,thread=multi" -nodefaults -display none -no-reboot)
    if [ "$shape" = gaps ]; then
        "${command[@]}" -machine "dumpdtb=$work/$name.dtb" > /dev/null 2>&1
        for cpu in 3 6; do fdtput -d "$work/$name.dtb" "/cpus/cpu@$cpu" enable-method; done
        command+=(-dtb "$work/$name.dtb")
    fi
    timeout -k 5 "$PERCPU_MACHINE_SECONDS" "${command[@]}" -serial stdio -kernel "$kernel" -initrd "$initrd" \
        -append "console=$console quiet loglevel=3 panic=-1 mitigations=off rdinit=/init $append" < /dev/null 2>&1
}
