//! The protocol by itself: what no guard shows.

use std::sync::Mutex as StdMutex;
use std::thread;

use super::*;

fn parties(lock: &Protocol) -> (bool, u64) {
    let state = lock.state.lock();
    (state.claimed, state.queue.waiting())
}

/// Until as many wait in the queue.
fn until_waiting(lock: &Protocol, waiting: u64) {
    while parties(lock).1 != waiting {
        thread::yield_now();
    }
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[test]
fn what_readers_look_at_is_one_cache_line() {
    use core::mem::offset_of;
    assert!(offset_of!(Protocol, words) + size_of::<Words>() <= 64);
    assert!(offset_of!(Protocol, switch) + size_of::<Switch>() <= 64);
    assert!(offset_of!(Protocol, active) >= 64 && offset_of!(Protocol, state) >= 64);
    assert_eq!(size_of::<Protocol>(), 128);
}

#[test]
fn back_to_back_writers_share_a_fence() {
    let lock = Protocol::new().unwrap();
    for round in 1..=10 {
        for _ in 0..100 {
            assert!(lock.write(Until::Forever));
            lock.write_done();
            // Some read in between.
            for _ in 0..REOPEN / 2 {
                assert!(lock.read(Until::Forever));
                lock.read_done();
            }
        }
        assert_eq!(lock.fences(), round, "a thousand writers");
        // Then nobody writes for a while, and the next writer finds it open.
        for _ in 0..2 * REOPEN {
            assert!(lock.read(Until::Now));
            lock.read_done();
        }
        assert!(!lock.switch.is_closed());
    }
}

#[test]
fn a_lock_is_opened_by_as_many_readers_as_say_so_and_not_by_fewer() {
    let lock = Protocol::new().unwrap();
    for _ in 0..3 {
        assert!(lock.try_write());
        lock.write_done();
        for n in 0..REOPEN {
            assert!(lock.switch.is_closed(), "opened by {n}");
            assert_eq!(lock.active.readers(), n.into());
            assert!(lock.read(Until::Now));
        }
        assert!(!lock.switch.is_closed());
        // They came in by one word and leave by another: the sum counts.
        (0..REOPEN).for_each(|_| lock.read_done());
        assert_eq!(lock.readers(), 0);
    }
}

#[test]
fn the_lazy_form_allocates_for_its_first_reader_and_not_for_writers() {
    let lock = Protocol::lazy();
    for _ in 0..100 {
        assert!(lock.try_write());
        assert!(!lock.read(Until::Now));
        lock.write_done();
    }
    assert_eq!(lock.fences(), 0);
    assert!(lock.read(Until::Now));
    assert!(lock.words.get().is_some() && !lock.switch.is_closed());
    assert!(!lock.try_write());
    lock.read_done();
    assert!(lock.try_write());
    assert_eq!(lock.fences(), 1);
}

#[test]
fn first_come_first_served() {
    let lock = Protocol::new().unwrap();
    let came = StdMutex::new(Vec::new());
    let (lock, came) = (&lock, &came);
    let note = |what| came.lock().unwrap().push(what);
    assert!(lock.write(Until::Forever));
    thread::scope(|scope| {
        for (n, (who, writes)) in
            [('r', false), ('r', false), ('W', true), ('s', false), ('X', true), ('Y', true)]
                .into_iter()
                .enumerate()
        {
            scope.spawn(move || {
                assert!(if writes {
                    lock.write(Until::Forever)
                } else {
                    lock.read(Until::Forever)
                });
                note(who);
                // Long enough for somebody who comes too early to be seen.
                thread::sleep(Duration::from_millis(5));
                note(who.to_ascii_lowercase());
                if writes { lock.write_done() } else { lock.read_done() }
            });
            until_waiting(lock, n as u64 + 1);
        }
        // Nobody comes past who waits.
        assert!(!lock.read(Until::Now) && !lock.try_write());
        assert_eq!(parties(lock), (true, 6));
        lock.write_done();
    });
    let order: String = came.lock().unwrap().iter().collect();
    assert_eq!(order, "rrrrWwssXxYy");
    assert_eq!(parties(lock), (false, 0));
}

#[test]
fn a_downgrade_lets_readers_in_and_the_writer_behind_them_wait() {
    let lock = Protocol::new().unwrap();
    let lock = &lock;
    assert!(lock.write(Until::Forever));
    thread::scope(|scope| {
        let reader = scope.spawn(|| lock.read(Until::Forever));
        until_waiting(lock, 1);
        let writer = scope.spawn(|| lock.write(Until::Forever));
        until_waiting(lock, 2);
        lock.downgrade();
        assert!(reader.join().unwrap());
        assert!(!lock.is_written() && !lock.read(Until::Now));
        thread::sleep(Duration::from_millis(5));
        assert!(!writer.is_finished());
        lock.read_done();
        lock.read_done();
        assert!(writer.join().unwrap());
        assert!(lock.is_written());
    });
    lock.write_done();
    assert!(!lock.is_locked());
}

#[test]
fn who_gives_up_leaves_nothing_behind() {
    let lock = Protocol::new().unwrap();
    let soon = || Until::Then(std::time::Instant::now() + Duration::from_millis(3));
    // Waiting for a reader; and in the queue behind a writer that waits for one.
    assert!(lock.read(Until::Now));
    assert!(!lock.write(soon()));
    assert_eq!(parties(&lock), (false, 0));
    assert!(lock.read(Until::Now), "a writer that gave up keeps nobody out");
    lock.read_done();
    lock.read_done();
    assert!(lock.write(soon()));
    assert!(!lock.write(soon()) && !lock.read(soon()));
    assert_eq!(parties(&lock), (true, 0));
    lock.write_done();
    assert!(!lock.is_locked());
    assert_eq!(lock.active.readers(), 0);
}
