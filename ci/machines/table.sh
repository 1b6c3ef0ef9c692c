# The machines, and what is run on them. Sourced, not run.
#
# A name that ends in `.8` has eight CPUs in four nodes. Passes, in this order:
#
#   all       every test binary of the three crates, and those with delays in the sections
#   storms    those below
#   short     fewer of them
#   hotplug   storms while CPUs go and come
#   offline   short, without CPUs 1, 3 and 4
#   plug      short, after one was plugged in that was not there at the start
#   norseq    storms on a kernel that knows no rseq
#   nofence   short on a kernel that has no membarrier
#   mutated   a section lacks something, and a test that runs for longer must notice
machines() {
    #    name  target                     kernel of           CPU          shape  kernel's words  passes
    # (a + for each space between words)
    echo "a57   aarch64-unknown-linux-gnu  bookworm           cortex-a57   four - short hotplug offline norseq nofence"
    echo "n1    aarch64-unknown-linux-gnu  bookworm-backports neoverse-n1  four - all mutated"
    echo "n1b   aarch64-unknown-linux-gnu  trixie-backports   neoverse-n1  two  - storms"
    echo "n1old aarch64-unknown-linux-gnu  bullseye           neoverse-n1  two  - short"
    echo "gaps  aarch64-unknown-linux-gnu  bookworm-backports neoverse-n1  gaps - short hotplug"
    echo "x7    x86_64-unknown-linux-gnu   trixie-backports   Nehalem      four - all"
    echo "x612  x86_64-unknown-linux-gnu   bookworm-backports Nehalem      four - short hotplug offline norseq nofence mutated"
    echo "x61   x86_64-unknown-linux-gnu   bookworm           Nehalem      four - short plug"
    echo "x510  x86_64-unknown-linux-gnu   bullseye           Nehalem      four - short"
    echo "odd   x86_64-unknown-linux-gnu   bookworm-backports Nehalem      odd  - short"
    echo "late  x86_64-unknown-linux-gnu   bookworm           Nehalem      four maxcpus=3+isolcpus=2 short"
    echo "one   x86_64-unknown-linux-gnu   bookworm-backports Nehalem      four nr_cpus=1 short"
    echo "musl  x86_64-unknown-linux-musl  bookworm-backports Nehalem      four - storms"
    # Without a machine: qemu translates the program alone, and knows no rseq.
    echo "uarm  aarch64-unknown-linux-gnu  user               -            -    - storms"
    echo "ux86  x86_64-unknown-linux-gnu   user               -            -    - short"
}
short_machines=(a57 x612)

# topology NAME SHAPE SUITE TARGET: what `Topology::detect` must say there, on one line.
topology() {
    local rest all=0-7 unplugged=
    rest='; 4 nodes; from sysfs; node 0: CPUs 0-1%s, distances 10 16 22 32; node 1: CPUs 2-3, distances 16 10 32 22'
    rest+='; node 2: CPUs 4-5, distances 22 32 10 16; node 3: CPUs 6-7, distances 32 22 16 10'
    # Until a CPU is plugged in, the older kernels do not say of which node it will be.
    case $3-$4 in bookworm-x86_64* | bullseye-x86_64*) all='0-15, present 0-7' unplugged=',8-15' ;; esac
    case $1:$2 in
    late:*) echo "16 possible CPUs 0-15, present 0-7, online 0-2${rest/\%s/$unplugged}" ;;
    one:*)
        rest=${rest/CPUs 0-1%s/CPUs 0}
        echo "1 possible CPU 0$(sed -E 's/CPUs [2-7]-[2-7]/no CPUs/g' <<< "$rest")" ;;
    *:four)
        if [ -n "$unplugged" ]; then
            echo "16 possible CPUs $all, online 0-7${rest/\%s/$unplugged}"
        else
            echo "8 possible CPUs 0-7${rest/\%s/}"
        fi ;;
    *:two)
        echo "4 possible CPUs 0-3; 2 nodes; from sysfs; node 0: CPUs 0-1, 20 from the others; node 1: CPUs 2-3, 20 from the others" ;;
    *:gaps)
        rest=${rest/2-3/2} rest=${rest/6-7/7}
        echo "6 possible CPUs 0-2,4-5,7${rest/\%s/}" ;;
    *:odd)
        # The kernel counts nodes as it meets them, those of CPUs first.
        echo "8 possible CPUs 0-7; 3 nodes; from sysfs; node 0: CPUs 0-3, 20 from the others; node 1: CPUs 4-7, 20 from the others; node 2: no CPUs, 20 from the others" ;;
    esac
}

short_binaries=(percpu-core/machines percpu-core/conformance percpu-core/stress percpu-core/stack
    percpu-core/hotplug percpu-core/hotplug_machine percpu-core/allocator percpu-slab/magazines)
storm_binaries=("${short_binaries[@]}" percpu-core/addressing percpu-core/concurrency_id percpu-core/fork
    percpu-core/local_lock percpu-core/memory percpu-core/reference percpu-core/signals
    percpu-core/structures percpu-core/unprotected percpu-counter/approx percpu-counter/budget
    percpu-counter/domain_stress percpu-counter/histogram_stress percpu-counter/rwlock percpu-counter/stress
    percpu-slab/cache_nodes percpu-slab/cache_stress percpu-slab/global_alloc percpu-slab/pool_stress
    percpu-slab/slab_stress percpu-slab/slabs_stress)
injected_binaries=(inject inject_each inject_structures inject_switch inject_turn concurrency_id conformance stack structures
    stress torture)
mutations() {
    #    mutation       binary             test that must notice
    echo "no_arm         inject             exact_with_a_delay_before_the_commit"
    echo "no_arm         inject             two_never_hold_a_lock_with_a_delay_before_the_commit"
    echo "no_arm         inject             each_value_comes_out_once_with_a_delay_before_the_commit"
    echo "no_arm         inject_structures  structures_are_conserved_with_a_delay_before_the_commit"
    echo "no_arm         inject_turn        nobody_is_late_with_a_delay_before_the_commit"
    echo "no_arm         inject             exact_by_concurrency_id_with_a_delay_after_the_address"
    echo "no_stop        inject             each_value_comes_out_once_with_a_delay_before_the_commit"
    echo "no_turn        inject_turn        nobody_is_late_with_a_delay_before_the_commit"
    echo "no_stop        inject_switch      references_are_counted_with_a_delay_before_the_commit"
    echo "no_stop        inject_switch      no_reader_is_in_beside_a_writer_with_a_delay_before_the_commit"
    echo "no_sign        concurrency_id     a_thread_without_rseq_never_changes_the_unit_of_id_0"
    echo "no_fence_by_id inject             a_stopped_unit_has_one_holder_by_concurrency_id"
}
