//! A system that refuses the fence: nothing is concluded without one, nothing is lost,
//! and who is not refused goes on.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::filter::{call, filter, install_here};
use percpu_counter::{Domain, Error};

#[test]
fn a_refused_fence_concludes_nothing_and_another_thread_goes_on() {
    common::in_each_mode("a_refused_fence_concludes_nothing_and_another_thread_goes_on", || {
        let rseq = percpu_core::info().unwrap().mode().is_rseq();
        let domain = Arc::new(Domain::new().unwrap());
        let ran = Arc::new(AtomicBool::new(false));
        let before = domain.read_owned();
        let refused = std::thread::scope(|scope| {
            let refused = scope.spawn(|| {
                let membarrier = call("membarrier", libc::SYS_membarrier);
                install_here(&filter(&[membarrier], libc::EPERM)).unwrap();
                let theirs = Arc::clone(&ran);
                domain.defer(move || theirs.store(true, Ordering::Release));
                if rseq {
                    // In portable mode it waits, and no fence is asked for.
                    let refused = Err(Error::FenceRefused { errno: libc::EPERM });
                    assert_eq!(domain.synchronize(), refused);
                    assert_eq!(domain.barrier(), refused);
                    assert_eq!(domain.poll().map(drop), refused.clone());
                }
                domain.poll()
            });
            refused.join().unwrap()
        });
        assert_eq!(refused.is_err(), rseq);
        assert!(!ran.load(Ordering::Acquire) && domain.pending() == 1);
        // The turn has changed: this one is by the other word.
        let after = domain.read_owned();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                domain.synchronize().unwrap();
                is_over.store(true, Ordering::Release);
            });
            for section in [before, after] {
                std::thread::sleep(Duration::from_millis(20));
                assert!(!is_over.load(Ordering::Acquire), "did not wait");
                drop(section);
            }
            waits.join().unwrap();
        });
        assert_eq!(domain.poll(), Ok(1));
        assert!(ran.load(Ordering::Acquire));
    });
}
