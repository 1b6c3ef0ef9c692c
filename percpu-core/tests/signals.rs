//! What `percpu_core::signal_safety` lists as safe runs in a handler while the
//! code it interrupts does the same.
//!
//! # Safety
//!
//! A timer whose handler does what is allowed in handlers.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]
#![allow(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicU64 as Std, Ordering::Relaxed};

use percpu_core::atomic::{AtomicBool, AtomicU32, AtomicU64};
use percpu_core::{LocalLock, Unit, fence, percpu};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(0);
    static SUBTRACTED: AtomicU32 = AtomicU32::new(0);
    static BITS: AtomicU64 = AtomicU64::new(0);
    static SWAPPED: AtomicU64 = AtomicU64::new(0);
    static EXCHANGED: AtomicU64 = AtomicU64::new(0);
    static FLAG: AtomicBool = AtomicBool::new(false);
    static BUCKETS: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];
    static LOCK: LocalLock<u64> = LocalLock::new(0);
}

/// What the interrupted code and the handler did, by plain counts.
#[derive(Default)]
struct Done {
    times: Std,
    taken: Std,
    entered: Std,
}
static CODE: Done = Done { times: Std::new(0), taken: Std::new(0), entered: Std::new(0) };
static HANDLER: Done = Done { times: Std::new(0), taken: Std::new(0), entered: Std::new(0) };

impl Done {
    /// Everything that may be called in a handler.
    fn everything(&self, with_fences: bool) {
        WORD.inc();
        WORD.add(2);
        let value = WORD.fetch_add(3);
        assert!(value <= WORD.sum());
        assert!(WORD.add_return(1) > 0);
        SUBTRACTED.sub(1);
        SUBTRACTED.dec();
        BITS.xor(5);
        BITS.fetch_xor(5);
        BITS.or(0);
        BITS.and(u64::MAX);
        // Put in, and what was there taken out: conserved over all.
        self.taken.fetch_add(SWAPPED.swap(7), Relaxed);
        let mut seen = EXCHANGED.load();
        while let Err(found) = EXCHANGED.compare_exchange(seen, seen + 2) {
            seen = found;
        }
        FLAG.store(true);
        BUCKETS.at(3).inc();
        assert!(WORD.hint().load(Relaxed) <= WORD.sum());
        if let Some(mut inside) = LOCK.try_lock() {
            // Plain fields: two holders at once would lose one.
            let value = *inside;
            std::hint::black_box(&value);
            *inside = value + 1;
            self.entered.fetch_add(1, Relaxed);
        }
        let on = WORD.on(Unit::current().unwrap()).load();
        assert!(on <= WORD.sum());
        assert!(WORD.iter().map(|(_, copy)| copy.load()).sum::<u64>() >= value);
        if with_fences {
            fence::all().unwrap();
            fence::unit(Unit::current().unwrap()).unwrap();
        }
        self.times.fetch_add(1, Relaxed);
    }
}

extern "C" fn on_alarm(_: libc::c_int) {
    let errno = std::io::Error::last_os_error().raw_os_error();
    HANDLER.everything(HANDLER.times.load(Relaxed).is_multiple_of(16));
    assert_eq!(std::io::Error::last_os_error().raw_os_error(), errno);
}

fn handle_sigalrm(handler: extern "C" fn(libc::c_int)) {
    // SAFETY: an all-zero sigaction is a valid starting point.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: installs the handler.
    assert_eq!(unsafe { libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut()) }, 0);
}

/// Sends SIGALRM to the calling thread every `micros`, until dropped. (An
/// interval timer's goes to the main thread, which does nothing here.)
struct Alarm(libc::timer_t);

impl Alarm {
    fn every(micros: libc::c_long) -> Self {
        // SAFETY: all zeroes is a valid sigevent.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGALRM;
        // SAFETY: asks for a number.
        event.sigev_notify_thread_id = unsafe { libc::gettid() };
        let mut timer: libc::timer_t = std::ptr::null_mut();
        // SAFETY: both are locals.
        let made = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer) };
        assert_eq!(made, 0);
        let each = libc::timespec { tv_sec: 0, tv_nsec: micros * 1_000 };
        let each = libc::itimerspec { it_interval: each, it_value: each };
        // SAFETY: the timer just made, and a local.
        assert_eq!(unsafe { libc::timer_settime(timer, 0, &each, std::ptr::null_mut()) }, 0);
        Self(timer)
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // SAFETY: made in `every`, deleted once.
        unsafe { libc::timer_delete(self.0) };
    }
}

#[test]
fn what_is_listed_as_safe_is_exact_in_a_handler_and_in_the_code_it_interrupts() {
    let name = "what_is_listed_as_safe_is_exact_in_a_handler_and_in_the_code_it_interrupts";
    common::in_each_mode(name, || {
        percpu_core::init().unwrap();
        WORD.prepare().unwrap();
        // This thread's first operation.
        CODE.everything(true);
        handle_sigalrm(on_alarm);
        let alarm = Alarm::every(30);
        while HANDLER.times.load(Relaxed) < common::scaled(2_000) {
            CODE.everything(CODE.times.load(Relaxed).is_multiple_of(16));
        }
        drop(alarm);
        let sum =
            |count: fn(&Done) -> &Std| count(&CODE).load(Relaxed) + count(&HANDLER).load(Relaxed);
        let times = sum(|done| &done.times);
        println!("{times} times, {} of them in a handler", HANDLER.times.load(Relaxed));
        assert_eq!(WORD.sum(), 7 * times);
        assert_eq!(SUBTRACTED.sum(), 0_u32.wrapping_sub(2 * times as u32));
        assert_eq!(BITS.iter().fold(0, |bits, (_, copy)| bits ^ copy.load()), 0);
        assert_eq!(SWAPPED.sum() + sum(|done| &done.taken), 7 * times);
        assert_eq!(EXCHANGED.sum(), 2 * times);
        assert_eq!(BUCKETS.at(3).sum(), times);
        let inside: u64 = Unit::all().unwrap().map(|unit| *LOCK.lock_on(unit).unwrap()).sum();
        assert_eq!(inside, sum(|done| &done.entered));
        assert!(inside > 0);
    });
}

extern "C" fn add_on_alarm(_: libc::c_int) {
    WORD.inc();
    HANDLER.times.fetch_add(1, Relaxed);
}

#[test]
fn an_alarm_adds_to_the_word_that_the_main_code_adds_to_exactly() {
    let name = "an_alarm_adds_to_the_word_that_the_main_code_adds_to_exactly";
    common::in_each_mode(name, || {
        WORD.inc();
        handle_sigalrm(add_on_alarm);
        let alarm = Alarm::every(20);
        let mut added = 1;
        while HANDLER.times.load(Relaxed) < common::scaled(5_000) {
            for _ in 0..1_000 {
                WORD.inc();
            }
            added += 1_000;
        }
        drop(alarm);
        assert_eq!(WORD.sum(), added + HANDLER.times.load(Relaxed));
    });
}

extern "C" fn try_on_alarm(_: libc::c_int) {
    HANDLER.times.fetch_add(1, Relaxed);
    if LOCK.try_lock().is_some() {
        HANDLER.entered.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_handler_finds_the_copy_busy_that_the_interrupted_code_holds() {
    let name = "a_handler_finds_the_copy_busy_that_the_interrupted_code_holds";
    common::in_each_pinned_mode(name, || {
        common::pin();
        handle_sigalrm(try_on_alarm);
        // SAFETY: sends a signal to this thread, whose handler may try locks.
        let raise = || assert_eq!(unsafe { libc::raise(libc::SIGALRM) }, 0);
        let counts = || (HANDLER.times.load(Relaxed), HANDLER.entered.load(Relaxed));
        {
            let _held = LOCK.lock();
            raise();
            assert_eq!(counts(), (1, 0), "busy, and no deadlock");
        }
        raise();
        assert_eq!(counts(), (2, 1), "free");
        let unit = Unit::current().unwrap();
        {
            let _held = LOCK.lock_on(unit).unwrap();
            raise();
            assert_eq!(counts(), (3, 1), "busy, held remotely by this thread");
        }
        raise();
        assert_eq!(counts(), (4, 2));
        LOCK.with(|_| raise());
        assert_eq!(counts(), (5, 2));
    });
}
