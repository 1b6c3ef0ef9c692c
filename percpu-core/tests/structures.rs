//! Structures of several words: nothing lost, nothing twice, nothing torn, in
//! every mode.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU64 as Tally, AtomicUsize, Ordering::Relaxed,
};

use percpu_core::{
    DoubleWord, ListNode, LocalBuffer, LocalList, Mode, PerCpu, Registration, Unit, info, percpu,
};

const THREADS: usize = 6;

/// The second half that belongs to a first one.
fn half(first: u64) -> u64 {
    first.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5555
}

percpu! {
    static PAIR: DoubleWord = DoubleWord::new(0, 0x5555);
    static BY_HANDLER: DoubleWord = DoubleWord::new(0, 0x5555);
    static LIST: LocalList<u64> = LocalList::new();
    static BUFFER: LocalBuffer<Item, 16> = LocalBuffer::new();
}

/// How often handlers and threads changed `BY_HANDLER`.
static CHANGES: Tally = Tally::new(0);

fn add_one(pair: &percpu_core::Copies<DoubleWord>) {
    let mut seen = pair.load();
    loop {
        assert_eq!(half(seen.0), seen.1, "torn");
        let next = seen.0 + 1;
        match pair.compare_exchange(seen, (next, half(next))) {
            Ok(_) => return,
            Err(found) => seen = found,
        }
    }
}

fn change_in_handler() {
    add_one(&BY_HANDLER);
    CHANGES.fetch_add(1, Relaxed);
}

#[test]
fn a_pair_is_never_torn_and_no_change_is_lost() {
    common::in_each_mode("a_pair_is_never_torn_and_no_change_is_lost", || {
        PAIR.load();
        BY_HANDLER.load();
        common::handle_sigusr1(change_in_handler);
        let each = common::scaled(60_000);
        let over = AtomicBool::new(false);
        let looks = std::thread::scope(|scope| {
            let ends = common::Over(&over);
            // Remote readers, each of every unit.
            let reader = scope.spawn(|| {
                let mut looks = 0_u64;
                while !over.load(Relaxed) {
                    for (_, pair) in &PAIR {
                        let (first, second) = pair.load();
                        assert_eq!(half(first), second, "torn, seen from afar");
                        looks += 1;
                    }
                }
                looks
            });
            common::in_a_storm(THREADS, |_| {
                for _ in 0..each {
                    add_one(&PAIR);
                    add_one(&BY_HANDLER);
                    CHANGES.fetch_add(1, Relaxed);
                }
            });
            drop(ends);
            reader.join().unwrap()
        });
        let total: u64 = PAIR.iter().map(|(_, pair)| pair.load().0).sum();
        assert_eq!(total, THREADS as u64 * each);
        let total: u64 = BY_HANDLER.iter().map(|(_, pair)| pair.load().0).sum();
        assert_eq!(total, CHANGES.load(Relaxed));
        println!("{looks} looks from afar, {total} changes");
        assert!(looks > 0 && total > THREADS as u64 * each, "the storm blew");
    });
}

/// What went round in lists: `nodes` of values 1, 2, .. once each, `THREADS` times.
fn series(nodes: u64) -> u64 {
    THREADS as u64 * nodes * (nodes + 1) / 2
}

/// In a handler, on whatever it interrupted: out and in again.
fn turn_in_handler() {
    if let Some(node) = LIST.pop() {
        // A drain may have come between; the node must not be dropped here.
        LEFT_BY_HANDLER.fetch_add(LIST.push(node).map_or_else(keep, |()| 0), Relaxed);
    }
    if let Some(item) = BUFFER.pop() {
        item.check();
        if BUFFER.push(item).is_err() {
            ITEMS_LEFT_BY_HANDLER.fetch_add(item.first, Relaxed);
        }
    }
}

/// Keeps a node, as a handler may not free it, where a search for leaks finds it, and says
/// what it held.
fn keep(node: Box<ListNode<u64>>) -> u64 {
    static KEPT: [AtomicPtr<ListNode<u64>>; 256] =
        [const { AtomicPtr::new(std::ptr::null_mut()) }; 256];
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let node = Box::leak(node);
    let value = **node;
    if let Some(place) = KEPT.get(COUNT.fetch_add(1, Relaxed)) {
        place.store(node, Relaxed);
    }
    value
}

static LEFT_BY_HANDLER: Tally = Tally::new(0);
static ITEMS_LEFT_BY_HANDLER: Tally = Tally::new(0);

#[test]
fn values_in_lists_are_conserved_while_they_are_drained() {
    common::in_each_mode("values_in_lists_are_conserved_while_they_are_drained", || {
        const NODES: u64 = 100;
        LIST.prepare().unwrap();
        BUFFER.prepare().unwrap();
        common::handle_sigusr1(turn_in_handler);
        let over = AtomicBool::new(false);
        let rounds = common::scaled(60_000);
        let (mut drained, mut kept) = (0, 0);
        std::thread::scope(|scope| {
            let ends = common::Over(&over);
            let drainer = scope.spawn(|| {
                let (mut drained, mut count) = (0, 0);
                while !over.load(Relaxed) {
                    count += LIST.drain(|_, node| drained += node.into_value()).unwrap();
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                println!("{count} nodes drained under way");
                drained
            });
            let left = Tally::new(0);
            common::in_a_storm(THREADS, |_| {
                let mut own: Vec<_> = (1..=NODES).map(ListNode::new).collect();
                for round in 0..rounds {
                    // Nodes are freed and made anew now and then: a pop that still
                    // looked at one would read what the allocator put there.
                    if let Some(node) = LIST.pop() {
                        let node = match round % 8 {
                            0 => ListNode::new(node.into_value()),
                            _ => node,
                        };
                        own.push(node);
                    }
                    if let Some(node) = own.pop() {
                        own.extend(LIST.push(node).err());
                    }
                }
                // Most go in, for the next threads and the drains.
                let own = own.into_iter().filter_map(|node| LIST.push(node).err());
                left.fetch_add(own.map(|node| node.into_value()).sum(), Relaxed);
            });
            drop(ends);
            drained += drainer.join().unwrap();
            kept += left.load(Relaxed) + LEFT_BY_HANDLER.load(Relaxed);
        });
        let mut rest = 0;
        LIST.drain(|_, node| rest += node.into_value()).unwrap();
        assert_eq!(rest + drained + kept, series(NODES));
        assert!(LIST.iter().all(|(_, list)| list.get().is_empty()));
    });
}

#[test]
fn a_pinned_threads_list_is_last_in_first_out_and_frees_what_it_holds() {
    struct Counted<'a>(u64, &'a Tally);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.1.fetch_add(1, Relaxed);
        }
    }
    common::in_each_pinned_mode(
        "a_pinned_threads_list_is_last_in_first_out_and_frees_what_it_holds",
        || {
            common::pin();
            let drops = Tally::new(0);
            let list = PerCpu::new_with(|_| LocalList::new()).unwrap();
            assert!(list.pop().is_none());
            for n in 0..10 {
                assert!(list.push(ListNode::new(Counted(n, &drops))).is_ok());
            }
            assert_eq!(list.pop().unwrap().0, 9);
            assert_eq!(list.pop().unwrap().0, 8);
            assert_eq!(drops.load(Relaxed), 2);
            // A panic in the middle of a drain drops the rest.
            let unit = Unit::current().unwrap();
            let panicking = std::panic::AssertUnwindSafe(|| {
                list.drain_on(unit, |node| assert!(node.0 != 6, "as planned"))
            });
            assert!(std::panic::catch_unwind(panicking).is_err());
            assert_eq!(drops.load(Relaxed), 10);
            assert!(list.push(ListNode::new(Counted(0, &drops))).is_ok(), "open again");
            drop(list);
            assert_eq!(drops.load(Relaxed), 11);
        },
    );
}

/// Three fields that belong together, in no multiple of eight bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
struct Item {
    first: u64,
    second: u64,
    third: u32,
}

impl Item {
    fn new(first: u64) -> Self {
        Self { first, second: half(first), third: first as u32 ^ 77 }
    }

    fn check(self) {
        assert_eq!(self, Self::new(self.first), "torn");
    }
}

#[test]
fn items_in_buffers_are_conserved_and_whole_while_they_are_drained() {
    common::in_each_mode("items_in_buffers_are_conserved_and_whole_while_they_are_drained", || {
        LIST.prepare().unwrap();
        BUFFER.prepare().unwrap();
        common::handle_sigusr1(turn_in_handler);
        let (put, taken) = (Tally::new(0), Tally::new(0));
        let take = |item: Item| {
            item.check();
            taken.fetch_add(item.first, Relaxed);
        };
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let ends = common::Over(&over);
            scope.spawn(|| {
                let mut count = 0;
                while !over.load(Relaxed) {
                    count += BUFFER.drain(|_, item| take(item)).unwrap();
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                println!("{count} items drained under way");
            });
            let rounds = common::scaled(60_000);
            let full = Tally::new(0);
            common::in_a_storm(THREADS, |n| {
                for round in 0..rounds {
                    let item = Item::new(round * THREADS as u64 + n as u64);
                    match BUFFER.push(item) {
                        Ok(()) => put.fetch_add(item.first, Relaxed),
                        Err(back) => {
                            assert_eq!(back, item);
                            full.fetch_add(1, Relaxed)
                        }
                    };
                    if round.is_multiple_of(3) {
                        for _ in 0..3 {
                            if let Some(item) = BUFFER.pop() {
                                take(item);
                            }
                        }
                    }
                }
            });
            drop(ends);
            println!("{} times full", full.load(Relaxed));
        });
        BUFFER.drain(|_, item| take(item)).unwrap();
        let by_handlers = ITEMS_LEFT_BY_HANDLER.load(Relaxed);
        assert_eq!(taken.load(Relaxed) + by_handlers, put.load(Relaxed));
        assert!(BUFFER.iter().all(|(_, buffer)| buffer.get().is_empty()));
    });
}

#[test]
fn a_pinned_threads_buffer_fills_to_its_capacity_and_drains_oldest_first() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    struct Large([u8; 1001]);
    #[derive(Clone, Copy, PartialEq, Debug)]
    #[repr(align(32))]
    struct Aligned(u8);

    common::in_each_pinned_mode(
        "a_pinned_threads_buffer_fills_to_its_capacity_and_drains_oldest_first",
        || {
            common::pin();
            let unit = Unit::current().unwrap();
            let small = PerCpu::<LocalBuffer<u8, 3>>::zeroed().unwrap();
            assert_eq!(small.pop(), None);
            for n in 1..=3 {
                assert_eq!(small.push(n), Ok(()));
            }
            assert_eq!(small.push(4), Err(4));
            assert_eq!(small.on(unit).get().len(), 3);
            assert_eq!(small.pop(), Some(3));
            let mut drained = Vec::new();
            assert_eq!(small.drain_on(unit, |n| drained.push(n)).unwrap(), 2);
            assert_eq!(drained, [1, 2]);
            assert_eq!(small.pop(), None);

            let large = PerCpu::<LocalBuffer<Large, 4>>::zeroed().unwrap();
            let record = Large(std::array::from_fn(|n| n as u8));
            large.push(record).unwrap();
            large.push(Large([7; 1001])).unwrap();
            assert_eq!(large.pop(), Some(Large([7; 1001])));
            assert_eq!(large.pop(), Some(record));

            let aligned = PerCpu::<LocalBuffer<Aligned, 2>>::zeroed().unwrap();
            assert_eq!((aligned.push(Aligned(5)), aligned.pop()), (Ok(()), Some(Aligned(5))));
            let text = PerCpu::<LocalBuffer<&str, 2>>::zeroed().unwrap();
            assert_eq!(
                (text.push("a pointer survives"), text.pop()),
                (Ok(()), Some("a pointer survives"))
            );
        },
    );
}

#[test]
fn a_pinned_threads_double_word_takes_exact_steps() {
    common::in_each_pinned_mode("a_pinned_threads_double_word_takes_exact_steps", || {
        common::pin();
        let pair = PerCpu::<DoubleWord>::zeroed().unwrap();
        assert_eq!(pair.load(), (0, 0));
        pair.store((1, 2));
        assert_eq!(pair.swap((3, u64::MAX)), (1, 2));
        assert_eq!(pair.compare_exchange((3, 0), (9, 9)), Err((3, u64::MAX)), "second differs");
        assert_eq!(pair.compare_exchange((0, u64::MAX), (9, 9)), Err((3, u64::MAX)));
        assert_eq!(pair.compare_exchange((3, u64::MAX), (4, 5)), Ok((3, u64::MAX)));
        assert_eq!(pair.compare_exchange((4, 5), (4, 5)), Ok((4, 5)), "the same again");
        assert_eq!(pair.load(), (4, 5));
        let unit = Unit::current().unwrap();
        assert_eq!(pair.on(unit).load(), (4, 5));
        let others = pair.iter().filter(|(other, _)| *other != unit);
        assert!(others.map(|(_, pair)| pair.load()).all(|pair| pair == (0, 0)));
    });
}

/// Threads that have no restartable sequences beside threads that have: every
/// structure's other body, on the shared unit.
#[test]
#[cfg_attr(miri, ignore = "there is one kind of thread")]
fn threads_without_rseq_use_the_shared_unit_and_are_counted() {
    common::in_child("threads_without_rseq_use_the_shared_unit_and_are_counted", &[], || {
        LIST.prepare().unwrap();
        BUFFER.prepare().unwrap();
        PAIR.prepare().unwrap();
        if !matches!(info().unwrap().mode(), Mode::Rseq(Registration::Libc)) {
            println!("did not run: {}", info().unwrap().mode());
            return;
        }
        let each = common::scaled(20_000);
        let [put, taken] = [const { Tally::new(0) }; 2];
        let shared_seen = Tally::new(0);
        let before = info().unwrap().fallbacks();
        std::thread::scope(|scope| {
            for n in 0..4 {
                let (put, taken, shared_seen) = (&put, &taken, &shared_seen);
                scope.spawn(move || {
                    if n % 2 == 0 {
                        assert!(common::leave_rseq(), "the kernel lets go of libc's area");
                        assert!(Unit::current().unwrap().is_shared());
                        shared_seen.fetch_add(1, Relaxed);
                    }
                    for round in 1..=each {
                        add_one(&PAIR);
                        if LIST.push(ListNode::new(round)).is_ok() {
                            put.fetch_add(round, Relaxed);
                        }
                        taken.fetch_add(LIST.pop().map_or(0, |node| node.into_value()), Relaxed);
                        let item = Item::new(round);
                        if BUFFER.push(item).is_ok() {
                            put.fetch_add(round, Relaxed);
                        }
                        if let Some(item) = BUFFER.pop() {
                            item.check();
                            taken.fetch_add(item.first, Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(shared_seen.load(Relaxed), 2);
        let total: u64 = PAIR.iter().map(|(_, pair)| pair.load().0).sum();
        assert_eq!(total, 4 * each);
        let shared = Unit::all().unwrap().find(|unit| unit.is_shared()).unwrap();
        assert_eq!(PAIR.on(shared).load().0, 2 * each);
        let mut rest = 0;
        LIST.drain(|_, node| rest += node.into_value()).unwrap();
        BUFFER.drain(|_, item| rest += item.first).unwrap();
        assert_eq!(rest + taken.load(Relaxed), put.load(Relaxed));
        // Each of their operations went the other way, and nobody else's: load
        // and change of the pair, and one for each call.
        let fallbacks = info().unwrap().fallbacks() - before;
        println!("{fallbacks} fallbacks");
        assert!((2 * 6 * each..2 * 6 * each + 2 * each).contains(&fallbacks), "{fallbacks}");
    });
}
