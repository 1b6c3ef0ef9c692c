//! Lists of instructions to magazines: every item accounted for after each.
#![no_main]

#[path = "../../percpu-slab/tests/common/instructions.rs"]
mod instructions;

use libfuzzer_sys::fuzz_target;

/// Units stand for CPUs where the thread can choose its own: by affinity.
struct ThisMachine;

impl instructions::Machine for ThisMachine {
    fn cpus(&self) -> usize {
        // Those that this process may use come first on most machines; asked for
        // another, the thread stays where it is.
        std::thread::available_parallelism().map_or(1, |cpus| cpus.get().min(64))
    }

    fn run_on(&self, cpu: usize) {
        let mask = 1_u64 << cpu;
        // SAFETY: reads the local, of the size given; 0 is this thread.
        unsafe { libc::sched_setaffinity(0, size_of_val(&mask), (&raw const mask).cast()) };
    }
}

fuzz_target!(|program: &[u8]| {
    if let Some((&options, program)) = program.split_first() {
        instructions::run(&ThisMachine, instructions::options(options), program);
    }
});
