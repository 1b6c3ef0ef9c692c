//! What the rivals need below safe Rust: the floor's one instruction, and the
//! ways to ask for the current CPU.
//!
//! # Safety
//!
//! Every function here is safe to call. The assembly touches only the word that
//! its reference proves valid, or nothing at all; the C calls get pointers to
//! live locals or null where the manual page allows it.
#![allow(unsafe_code)]

use std::cell::Cell;

/// Adds one by a single plain `add`: the floor, on thread-local memory.
///
/// One instruction with a base register and an immediate: the form whose result
/// a core forwards to the next add of the same word at no cost.
#[inline(always)]
pub fn plain_inc(word: &Cell<u64>) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: the pointer comes from a reference, so it is valid and aligned, and
    // `Cell` is not `Sync`, so no other thread reads or writes the word. The
    // instruction touches this word and the flags only.
    unsafe {
        std::arch::asm!(
            "add qword ptr [{word}], 1",
            word = in(reg) word.as_ptr(),
            options(nostack),
        );
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    volatile_add(word, 1);
}

/// Adds `n` by a single plain `add`.
#[inline(always)]
pub fn plain_add(word: &Cell<u64>, n: u64) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: as in `plain_inc`.
    unsafe {
        std::arch::asm!(
            "add qword ptr [{word}], {n}",
            word = in(reg) word.as_ptr(),
            n = in(reg) n,
            options(nostack),
        );
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    volatile_add(word, n);
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline(always)]
fn volatile_add(word: &Cell<u64>, n: u64) {
    let word = word.as_ptr();
    // SAFETY: from a reference, so valid, aligned and initialised; `Cell` is not
    // `Sync`, so no other thread writes it.
    let old = unsafe { word.read_volatile() };
    // SAFETY: as above.
    unsafe { word.write_volatile(old.wrapping_add(n)) };
}

/// Makes the compiler believe that `word` was read and written here, by no
/// instruction at all: without it a loop of adds becomes one multiplication.
///
/// [`std::hint::black_box`] would add a store to the stack.
#[inline(always)]
pub fn observe(word: &Cell<u64>) {
    #[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
    // SAFETY: an empty template: no instruction, so nothing is touched.
    unsafe {
        std::arch::asm!(
            "/* {word} */",
            word = in(reg) word.as_ptr(),
            options(nostack, preserves_flags),
        );
    }
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
    std::hint::black_box(word);
}

/// The current CPU by the C library: a read of `struct rseq` in glibc 2.35 and
/// later, before that the vDSO.
///
/// # Panics
///
/// When the kernel does not know the call.
#[cfg(target_os = "linux")]
#[inline(always)]
pub fn sched_getcpu() -> usize {
    // SAFETY: no arguments, no requirements.
    let cpu = unsafe { libc::sched_getcpu() };
    usize::try_from(cpu).expect("sched_getcpu")
}

/// The current CPU by the real system call, past the vDSO.
#[cfg(target_os = "linux")]
#[inline(always)]
pub fn getcpu_syscall() -> u32 {
    let mut cpu = 0_u32;
    let none = std::ptr::null_mut::<u32>();
    // SAFETY: `cpu` lives across the call; the node and the unused third argument may be null.
    unsafe { libc::syscall(libc::SYS_getcpu, &raw mut cpu, none, none) };
    cpu
}

/// The current CPU by `rdtscp`: Linux keeps node and CPU in the register that
/// the instruction returns beside the time stamp.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub fn rdtscp() -> u32 {
    let mut aux = 0_u32;
    // SAFETY: `aux` lives across the call; [`has_rdtscp`] is asked first, and a
    // CPU without it raises SIGILL, which is no undefined behaviour.
    unsafe { std::arch::x86_64::__rdtscp(&raw mut aux) };
    aux & 0xfff
}

/// Whether this CPU has `rdtscp`.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
pub fn has_rdtscp() -> bool {
    // Leaf 0x8000_0001, EDX bit 27 (AMD64 Architecture Programmer's Manual, volume 3, appendix E).
    // SAFETY: `cpuid` exists on every x86_64 CPU; a leaf beyond the last returns some other leaf.
    #[allow(unused_unsafe, reason = "safe from Rust 1.94 on")]
    let leaf = unsafe { std::arch::x86_64::__cpuid(0x8000_0001) };
    leaf.edx >> 27 & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_adds_count() {
        let word = Cell::new(40);
        plain_inc(&word);
        plain_add(&word, 1);
        observe(&word);
        assert_eq!(word.get(), 42);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn every_way_names_the_pinned_cpu() {
        std::thread::spawn(|| {
            let pinned = core_affinity::get_core_ids().and_then(|ids| ids.last().copied());
            let Some(pinned) = pinned else { return };
            if !core_affinity::set_for_current(pinned) {
                return;
            }
            assert_eq!(sched_getcpu(), pinned.id);
            assert_eq!(getcpu_syscall() as usize, pinned.id);
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            if has_rdtscp() {
                assert_eq!(rdtscp() as usize, pinned.id);
            }
        })
        .join()
        .unwrap();
    }
}
