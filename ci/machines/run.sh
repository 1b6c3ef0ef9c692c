# Runs the tests of a machine: inside it as busybox's shell, or on this machine. Sourced,
# not run. Wants, in the current folder,
#
#   settings   WHERE, OFFLINE, TOPOLOGY and the environment of the tests, as shell text
#   list       what is to be run: PASS BINARY [TEST]
#   skips      WHERE KIND BINARY TEST REASON...
#   bin/       the test binaries
#   without    see without.c
#
# and says what came of it in lines that begin with MACHINE, which judge.awk reads:
#
#   MACHINE RUN PASS BINARY FROM TO CODE [TEST]    seconds since the start
#   MACHINE SKIP PASS BINARY TEST                  not run, with a reason in skips
#   MACHINE STALE BINARY TEST WHY                  such a reason holds no longer
#   MACHINE CPUS ONLINE                            of a pass for which CPUs were taken away
#   MACHINE HOTPLUG N                              CPUs that went and came in such a pass
#   MACHINE END

cpus=/sys/devices/system/cpu

now() {
    read -r uptime idle < /proc/uptime
    echo "${uptime%.*}"
}

# CPUs other than 0 go and come until the file `hotplug` is removed; at the end all are there.
come_and_go() {
    turns=0
    while [ -e hotplug ]; do
        random=$(od -An -N1 -tu1 /dev/urandom)
        cpu=$((random % (PRESENT - 1) + 1))
        read -r is < "$cpus/cpu$cpu/online"
        # The last but one does not go: nothing would be left to disturb.
        ! echo $((1 - is)) > "$cpus/cpu$cpu/online" || turns=$((turns + 1))
        sleep 0.05
    done 2> /dev/null
    all_online
    echo "MACHINE HOTPLUG $turns"
}

all_online() {
    for online in "$cpus"/cpu[0-9]*/online; do
        [ "$(cat "$online")" = 1 ] || echo 1 > "$online"
    done
}

# What a pass needs before its first test: the settings, and what it changes of them ...
prepare() {
    . ./settings
    unset PERCPU_TEST_TOPOLOGY
    [ -z "$TOPOLOGY" ] || export PERCPU_TEST_TOPOLOGY="$TOPOLOGY"
    before=
    unset PERCPU_MUTATE
    case $1 in
    no_arm | no_stop | no_turn | no_sign | no_fence_by_id) export PERCPU_MUTATE=$1 PERCPU_TEST_SCALE=1 ;;
    norseq) before="./without rseq" ;;
    nofence) before="./without membarrier" ;;
    hotplug)
        unset PERCPU_TEST_TOPOLOGY
        export PERCPU_TEST_HOTPLUG=1
        : > hotplug
        come_and_go &
        loop=$! ;;
    offline)
        for cpu in $OFFLINE; do echo 0 > "$cpus/cpu$cpu/online"; done
        export PERCPU_TEST_TOPOLOGY="$TOPOLOGY_OFFLINE"
        echo "MACHINE CPUS $(cat $cpus/online)" ;;
    plug)
        unset PERCPU_TEST_TOPOLOGY
        had=$(cat $cpus/present)
        # Who started the machine reads this and plugs one in.
        echo "MACHINE PLUG"
        wait=0
        while [ "$(cat $cpus/present)" = "$had" ] && [ $wait -lt 300 ]; do sleep 0.2; wait=$((wait + 1)); done
        all_online
        for cpu in $OFFLINE; do echo 0 > "$cpus/cpu$cpu/online"; done
        echo "MACHINE CPUS $(cat $cpus/online)" ;;
    esac
}

# ... and what is to be undone after its last.
restore() {
    case $1 in
    hotplug)
        rm hotplug
        wait $loop
        unset PERCPU_TEST_HOTPLUG ;;
    offline | plug) all_online ;;
    esac
}

# run PASS BINARY [TEST]
run() {
    skipped=
    while read -r where kind binary test reason; do
        case " $WHERE any $1 " in *" $where "*) ;; *) continue ;; esac
        [ "$binary" = "${2#*/}" ] && [ "$test" != '*' ] && [ -z "$3" ] || continue
        skipped="$skipped --skip $test"
        echo "MACHINE SKIP $1 $2 $test"
        if ! ./bin/$2 --list --format terse | grep -qx "$test: test"; then
            echo "MACHINE STALE $2 $test there is no such test"
        elif [ "$kind" = fails ] && $before ./bin/$2 --exact "$test" --test-threads=1 > /dev/null 2>&1; then
            echo "MACHINE STALE $2 $test it passes"
        fi
    done < skips
    from=$(now)
    echo "running $2"
    # shellcheck disable=SC2086 # words
    timeout -s KILL "$TEST_SECONDS" $before ./bin/$2 --exact ${3:-$skipped} --test-threads=1 --nocapture < /dev/null
    code=$?
    echo
    echo "MACHINE RUN $1 $2 $from $(now) $code $3"
}

last=
while read -r pass binary test <&3; do
    if [ "$pass" != "$last" ]; then
        restore "$last"
        prepare "$pass"
        last=$pass
    fi
    run "$pass" "$binary" "$test" 2>&1
done 3< list
restore "$last"
echo "MACHINE END"
