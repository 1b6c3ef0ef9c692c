//! `Domain` against a list of who reads and who waits; callbacks; sharing; misuse.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use percpu_counter::{Domain, GracePeriod, OwnedReadGuard, ReadGuard};

/// What a panic said.
fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().map_or(String::new(), |text| (*text).to_owned()),
    }
}

/// Random operations; each callback and each token knows the sections that it has to
/// wait for, and while one of them is there it has neither run nor passed.
#[test]
fn random_operations_against_a_list_of_sections() {
    common::in_each_mode("random_operations_against_a_list_of_sections", || {
        let domain = Arc::new(Domain::new().unwrap());
        let mut random = common::Random(0x9E37_79B9_7F4A_7C15);
        let mut sections: BTreeMap<u64, OwnedReadGuard> = BTreeMap::new();
        let mut blocks: Vec<(Vec<u64>, u64)> = Vec::new();
        let mut tokens: Vec<(Vec<u64>, GracePeriod)> = Vec::new();
        let ran: Arc<Mutex<Vec<u64>>> = Arc::default();
        let (mut begun, mut deferred) = (0, 0);
        for _ in 0..common::scaled(4_000) {
            match random.next() % 8 {
                0 | 1 if sections.len() < 5 => {
                    sections.insert(begun, domain.read_owned());
                    begun += 1;
                }
                0..=3 => {
                    let nth = random.next() as usize % sections.len().max(1);
                    let oldest_first = sections.keys().nth(nth).copied();
                    oldest_first.map(|section| sections.remove(&section));
                }
                4 | 5 => {
                    blocks.push((sections.keys().copied().collect(), deferred));
                    let (theirs, number) = (Arc::clone(&ran), deferred);
                    domain.defer(move || theirs.lock().unwrap().push(number));
                    deferred += 1;
                }
                6 => tokens.push((sections.keys().copied().collect(), domain.start())),
                _ => drop(domain.poll().unwrap()),
            }
            let ran = ran.lock().unwrap();
            assert!(ran.iter().copied().eq(0..ran.len() as u64), "out of order, or twice");
            assert_eq!(domain.pending(), deferred - ran.len() as u64);
            blocks.retain(|(by, number)| {
                let blocked = by.iter().any(|section| sections.contains_key(section));
                let has_run = *number < ran.len() as u64;
                assert!(!(blocked && has_run), "callback {number} did not wait");
                !has_run
            });
            tokens.retain(|(by, token)| {
                let blocked = by.iter().any(|section| sections.contains_key(section));
                assert!(!(blocked && domain.is_past(*token)), "passed with readers inside");
                !domain.is_past(*token)
            });
            drop(ran);
            if sections.is_empty() {
                // Nobody is in the way of anything.
                domain.poll().unwrap();
                assert_eq!(domain.pending(), 0);
                assert!(tokens.drain(..).all(|(_, token)| domain.is_past(token)));
                blocks.clear();
                if random.next().is_multiple_of(4) {
                    let before = domain.grace_periods();
                    domain.synchronize().unwrap();
                    assert_eq!(domain.grace_periods(), before + 1);
                }
            }
        }
        sections.clear();
        domain.barrier().unwrap();
        assert_eq!(ran.lock().unwrap().len() as u64, deferred);
        println!("{domain}, {begun} sections, {deferred} callbacks");
    });
}

/// One section before, one after; whether the second one was not waited for.
fn waits_for_the_first_alone() -> bool {
    let domain = Arc::new(Domain::new().unwrap());
    let before = domain.read_owned();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            domain.synchronize().unwrap();
            is_over.store(true, Ordering::Release);
        });
        while !format!("{domain:?}").contains("under_way: true") {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(20));
        let later = domain.read_owned();
        assert!(!is_over.load(Ordering::Acquire), "did not wait");
        drop(before);
        let start = Instant::now();
        while !is_over.load(Ordering::Acquire) && start.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let alone = is_over.load(Ordering::Acquire);
        drop(later);
        alone
    })
}

#[test]
fn synchronize_waits_for_the_sections_that_were_there_and_for_no_others() {
    let test = "synchronize_waits_for_the_sections_that_were_there_and_for_no_others";
    common::in_each_mode(test, || {
        // The second section may have come too early, on a busy machine.
        assert!((0..10).any(|_| waits_for_the_first_alone()), "waits for later ones, too");
    });
}

#[test]
fn threads_that_wait_together_share_grace_periods() {
    const THREADS: u64 = 8;
    const EACH: u64 = 20;
    common::in_each_mode("threads_that_wait_together_share_grace_periods", || {
        let domain = Domain::new().unwrap();
        let left = AtomicU64::new(THREADS);
        // Somebody is always inside, so no grace period is over before all have come.
        let mut reading = domain.read();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    (0..EACH).for_each(|_| domain.synchronize().unwrap());
                    left.fetch_sub(1, Ordering::Relaxed);
                });
            }
            while left.load(Ordering::Relaxed) > 0 {
                std::thread::sleep(Duration::from_millis(1));
                let next = domain.read();
                drop(std::mem::replace(&mut reading, next));
            }
        });
        let periods = domain.grace_periods();
        println!("{periods} grace periods for {} calls", THREADS * EACH);
        assert!(periods >= EACH, "each call of a thread needs one more");
        assert!(periods < THREADS * EACH / 2, "{periods} grace periods");
    });
}

#[test]
fn every_callback_runs_once_whoever_runs_it() {
    const THREADS: u64 = 4;
    common::in_each_mode("every_callback_runs_once_whoever_runs_it", || {
        let each = common::scaled(3_000);
        let runs: Arc<Vec<AtomicU64>> =
            Arc::new((0..THREADS * each).map(|_| AtomicU64::new(0)).collect());
        let domain = Domain::new().unwrap();
        std::thread::scope(|scope| {
            let (domain, runs) = (&domain, &runs);
            for thread in 0..THREADS {
                scope.spawn(move || {
                    for n in 0..each {
                        let _reading = domain.read();
                        let (theirs, n) = (Arc::clone(runs), thread * each + n);
                        domain.defer(move || {
                            theirs[n as usize].fetch_add(1, Ordering::Relaxed);
                        });
                        if n % 1_000 == 0 {
                            domain.poll().unwrap();
                        }
                    }
                    domain.barrier().unwrap();
                    let mine = &runs[(thread * each) as usize..((thread + 1) * each) as usize];
                    assert!(mine.iter().all(|run| run.load(Ordering::Relaxed) == 1));
                });
            }
        });
        assert_eq!(domain.pending(), 0);
        // What nobody polled for runs when the domain goes.
        let last = Arc::new(());
        domain.defer_drop(Arc::clone(&last));
        assert_eq!(Arc::strong_count(&last), 2);
        drop(domain);
        assert_eq!(Arc::strong_count(&last), 1);
        assert!(runs.iter().all(|run| run.load(Ordering::Relaxed) == 1));
    });
}

#[test]
fn callbacks_may_defer_more() {
    let domain = Arc::new(Domain::new().unwrap());
    let ran = Arc::new(AtomicU64::new(0));
    fn chain(domain: &Arc<Domain>, ran: &Arc<AtomicU64>, left: u64) {
        let (theirs, counted) = (Arc::clone(domain), Arc::clone(ran));
        domain.defer(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            if left > 0 {
                chain(&theirs, &counted, left - 1);
            }
        });
    }
    chain(&domain, &ran, 200);
    while domain.pending() > 0 {
        domain.barrier().unwrap();
    }
    assert_eq!(ran.load(Ordering::Relaxed), 201);
}

#[test]
fn a_callback_that_panics_takes_no_other_with_it() {
    let domain = Domain::new().unwrap();
    let ran = Arc::new(AtomicU64::new(0));
    let defer_five = || {
        for n in 0..5 {
            let theirs = Arc::clone(&ran);
            domain.defer(move || {
                theirs.fetch_add(1, Ordering::Relaxed);
                assert!(n % 2 == 0, "callback {n}");
            });
        }
    };
    defer_five();
    let said = catch_unwind(AssertUnwindSafe(|| domain.poll())).expect_err("two of them panic");
    assert_eq!(message(said), "callback 1", "the first one's");
    assert_eq!((ran.load(Ordering::Relaxed), domain.pending()), (5, 0));
    defer_five();
    let said = catch_unwind(AssertUnwindSafe(|| domain.barrier())).expect_err("likewise");
    assert_eq!(message(said), "callback 1");
    domain.barrier().unwrap();
    defer_five();
    let said = catch_unwind(AssertUnwindSafe(|| drop(domain))).expect_err("likewise");
    assert_eq!((message(said).as_str(), ran.load(Ordering::Relaxed)), ("callback 1", 15));
}

#[test]
fn a_callback_that_waits_for_callbacks_is_told_so() {
    let domain = Arc::new(Domain::new().unwrap());
    let theirs = Arc::clone(&domain);
    domain.defer(move || theirs.barrier().unwrap());
    let said = catch_unwind(AssertUnwindSafe(|| domain.poll())).expect_err("it waits for itself");
    assert!(message(said).contains("for itself"));
    domain.barrier().unwrap();
}

#[test]
#[cfg(debug_assertions)]
fn who_waits_inside_of_its_own_section_is_told_so() {
    let (domain, other) = (Domain::new().unwrap(), Domain::new().unwrap());
    let outer = domain.read();
    let inner = domain.read();
    drop(outer);
    // Others may be waited for.
    other.synchronize().unwrap();
    other.barrier().unwrap();
    for wait in [Domain::synchronize, Domain::barrier] {
        let said = catch_unwind(AssertUnwindSafe(|| wait(&domain))).expect_err("it would hang");
        assert!(message(said).contains("would wait for itself"));
    }
    // Not waiting is fine.
    domain.defer(|| ());
    assert_eq!(domain.poll(), Ok(0));
    drop(inner);
    domain.barrier().unwrap();
    // More sections than are remembered.
    let many: Vec<_> = (0..40).map(|_| other.read()).collect();
    drop(many);
    other.synchronize().unwrap();
}

#[test]
fn a_section_may_end_in_another_thread() {
    common::in_each_mode("a_section_may_end_in_another_thread", || {
        let domain = Arc::new(Domain::new().unwrap());
        let (sender, receiver) = mpsc::channel::<OwnedReadGuard>();
        let ends = std::thread::spawn(move || receiver.into_iter().for_each(drop));
        for _ in 0..common::scaled(2_000) {
            sender.send(domain.read_owned()).unwrap();
        }
        drop(sender);
        domain.synchronize().unwrap();
        ends.join().unwrap();
        assert!(domain.is_past(domain.start()), "nobody is inside");
    });
}

#[test]
fn what_it_is_and_says() {
    fn shared<T: Send + Sync>() {}
    fn sync<T: Sync>() {}
    shared::<Domain>();
    shared::<OwnedReadGuard>();
    shared::<GracePeriod>();
    sync::<ReadGuard<'_>>();
    let domain = Arc::new(Domain::new().unwrap());
    let other = Domain::new().unwrap();
    domain.defer(|| ());
    assert_eq!(domain.to_string(), "0 grace periods, 1 callbacks pending");
    let (reading, owned) = (domain.read(), domain.read_owned());
    assert!(reading.is_of(&domain) && !reading.is_of(&other));
    assert!(owned.is_of(&domain) && !owned.is_of(&other));
    domain.poll().unwrap();
    assert_eq!(
        format!("{domain:?}"),
        "Domain { grace_periods: GracePeriods { ended: 0, under_way: true, .. }, pending: 1 }"
    );
    assert_eq!(format!("{reading:?} {owned:?}"), "ReadGuard { .. } OwnedReadGuard { .. }");
    drop((reading, owned));
    assert_eq!(domain.poll(), Ok(1));
    assert_eq!(domain.to_string(), "1 grace periods, 0 callbacks pending");
}
