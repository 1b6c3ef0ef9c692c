//! What must hold on any system and in any body, Miri's included: small.
//!
//! # Safety
//!
//! Boxes that go through a stack as pointers; blocks fetched by hand.

#![cfg(not(percpu_loom))]
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;

use percpu_core::atomic::{AtomicBool, AtomicI16, AtomicPtr, AtomicU64};
use percpu_core::{
    AccountingAlloc, DoubleWord, Error, FirstChunk, Full, ListNode, LocalBuffer, LocalList,
    LocalLock, LocalLockGuard, PerCpu, PerCpuRef, PerCpuStack, Ref, RefError, Topology, Unit,
    fence, field, info, percpu,
};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(2);
    static WORDS: [AtomicI16; 5] = [const { AtomicI16::new(-1) }; 5];
    static TEXT: LocalLock<Option<String>> = LocalLock::new(None);
    static PAIR: DoubleWord = DoubleWord::new(0, u64::MAX);
    static LIST: LocalList<String> = LocalList::new();
    static BUFFER: LocalBuffer<(u32, &str, u8), 4> = LocalBuffer::new();
    static FUNCTION: Wrapped = Wrapped { name: "relocated", call: seven };
    #[page_aligned] static PAGE: AtomicI16 = AtomicI16::new(3);
    #[shared_aligned] static SHARED: (AtomicI16, [AtomicU64; 2]) =
        (AtomicI16::new(1), [const { AtomicU64::new(4) }; 2]);
    static EARLY: AtomicU64 = AtomicU64::new(6);
    #[hot] static HOT: AtomicBool = AtomicBool::new(true);
}

/// Pointers in a template: relocated before it is copied.
struct Wrapped {
    name: &'static str,
    call: fn() -> u32,
}

fn seven() -> u32 {
    7
}

const THREADS: usize = 4;
const EACH: u64 = if cfg!(miri) { 30 } else { 3_000 };

#[test]
fn words_count_on_threads_that_come_and_go() {
    // May come second: the configuration is the first user's.
    let _ = percpu_core::config().first_chunk(FirstChunk::Page).apply();
    let dynamic = PerCpu::<AtomicU64>::zeroed().unwrap();
    let units = Unit::all().unwrap().count() as u64;
    for round in 1..=2 {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for n in 0..EACH {
                        WORD.inc();
                        dynamic.fetch_add(n);
                        WORDS.at(3).dec();
                    }
                });
            }
        });
        let adds = round * THREADS as u64 * EACH;
        assert_eq!(WORD.sum(), 2 * units + adds);
        assert_eq!(dynamic.sum(), round * THREADS as u64 * (EACH * (EACH - 1) / 2));
        assert_eq!(WORDS.at(3).sum(), (-(units as i64) - adds as i64) as i16);
        assert_eq!(WORDS.at(4).sum(), -(units as i16));
    }
    fence::all().unwrap();
    for unit in Unit::all().unwrap() {
        fence::unit(unit).unwrap();
    }
}

/// Whoever finds a static that somebody else has resolved finds its copies made, though
/// nothing but the pointer passed between the two.
#[test]
fn a_static_that_another_thread_resolved_is_there() {
    let _ = percpu_core::config().first_chunk(FirstChunk::Page).apply();
    let units = Unit::all().unwrap().count() as u64;
    // A unit that comes into use passes something too: both are there before.
    let (word, in_use) = (PerCpu::<AtomicU64>::zeroed().unwrap(), std::sync::Barrier::new(2));
    let come = || {
        (0..20).for_each(|_| word.inc());
        in_use.wait();
    };
    let resolved = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            come();
            EARLY.inc();
            // No order, so that this says nothing of what was before.
            resolved.store(true, Relaxed);
        });
        scope.spawn(|| {
            come();
            while !resolved.load(Relaxed) {
                std::thread::yield_now();
            }
            EARLY.inc();
        });
    });
    assert_eq!(EARLY.sum(), 6 * units + 2);
}

#[test]
fn values_of_any_type_are_made_used_and_dropped() {
    let logs = PerCpu::new_with(|unit| Mutex::new(vec![unit.to_string()])).unwrap();
    logs.hint().lock().unwrap().push("here".into());
    let lines: usize = logs.iter().map(|(_, log)| log.get().lock().unwrap().len()).sum();
    assert_eq!(lines, Unit::all().unwrap().count() + 1);
    drop(logs);

    let mut value = 5;
    let pointers = PerCpu::<AtomicPtr<i32>>::zeroed().unwrap();
    assert!(pointers.swap(&raw mut value).is_null() || cfg!(not(miri)));
    let flags = PerCpu::<AtomicBool>::zeroed().unwrap();
    flags.or(true);
    assert!(flags.iter().any(|(_, flag)| flag.load()));
}

#[test]
fn locks_exclude_on_one_copy() {
    let locks = PerCpu::new_with(|_| LocalLock::new(0_u64)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..EACH).for_each(|_| locks.with(|n| *n += 1)));
        }
        for unit in Unit::all().unwrap() {
            *locks.lock_on(unit).unwrap() += 1;
        }
    });
    let units = Unit::all().unwrap();
    let sum: u64 = units.map(|unit| *locks.lock_on(unit).unwrap()).sum();
    assert_eq!(sum, THREADS as u64 * EACH + Unit::all().unwrap().count() as u64);
    TEXT.with(|text| *text = Some("owned".into()));
    let mut found = Unit::all().unwrap().filter_map(|unit| TEXT.lock_on(unit).unwrap().take());
    assert_eq!(found.next().as_deref(), Some("owned"));
}

#[test]
fn what_is_pushed_comes_out_once() {
    let boxes = PerCpuStack::<*mut String>::with_capacity(8).unwrap();
    let left = Mutex::new(0);
    let free = |pointer: *mut String| {
        // SAFETY: it came from a box, and comes out once.
        assert_eq!(*unsafe { Box::from_raw(pointer) }, "boxed");
        *left.lock().unwrap() -= 1;
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for n in 0..EACH {
                    *left.lock().unwrap() += 1;
                    if let Err(Full(pointer)) = boxes.push(Box::into_raw(Box::new("boxed".into())))
                    {
                        free(pointer);
                    }
                    if n % 2 == 0 {
                        boxes.pop().into_iter().for_each(free);
                    } else {
                        let mut some = [core::ptr::null_mut(); 3];
                        let popped = boxes.pop_batch(&mut some);
                        assert_eq!(boxes.push_batch(&[]), 0);
                        some[..popped].iter().copied().for_each(free);
                    }
                }
            });
        }
        scope.spawn(|| (0..10).for_each(|_| boxes.drain(|_, pointer| free(pointer)).unwrap()));
    });
    boxes.drain(|_, pointer| free(pointer)).unwrap();
    assert_eq!((left.into_inner().unwrap(), boxes.len()), (0, 0));
}

#[test]
fn templates_with_pointers_are_copied_relocated() {
    for (_, copy) in &FUNCTION {
        assert_eq!((copy.get().name, (copy.get().call)()), ("relocated", 7));
    }
}

#[test]
fn memory_is_zero_again_when_it_is_used_again() {
    for _ in 0..3 {
        let words = PerCpu::<[AtomicU64; 7]>::zeroed().unwrap();
        for (_, copy) in &words {
            assert!(copy.get().iter().all(|word| word.swap(9, Relaxed) == 0));
        }
    }
    assert_eq!(PerCpu::<[u8; 0]>::zeroed().unwrap_err(), Error::ZeroSize);
}

#[test]
fn the_report_names_the_mode_and_the_layout() {
    let text = info().unwrap().to_string();
    assert!(text.starts_with("percpu: mode "), "{text}");
    assert!(text.contains("\npcpu-alloc: s"), "{text}");
    assert!(Topology::uniform(4, 2).is_ok());
}

#[test]
fn families_are_aligned_and_fields_are_words() {
    let _ = percpu_core::config().first_chunk(FirstChunk::Page).apply();
    let units = Unit::all().unwrap().count() as u64;
    type Pair = (AtomicI16, [AtomicU64; 2]);
    SHARED.field(field!(Pair, 1)).at(1).add(5);
    SHARED.field(field!(Pair, 0)).dec();
    assert_eq!(SHARED.field(field!(Pair, 1)).at(1).sum(), 4 * units + 5);
    assert_eq!(SHARED.field(field!(Pair, 1)).at(0).sum(), 4 * units);
    assert_eq!(SHARED.field(field!(Pair, 0)).sum(), units as i16 - 1);
    for unit in Unit::all().unwrap() {
        let (page, shared) = (PAGE.on(unit).get(), SHARED.on(unit).get());
        assert!(core::ptr::from_ref(page).addr().is_multiple_of(4096));
        assert!(core::ptr::from_ref(shared).addr().is_multiple_of(64));
        assert_eq!((PAGE.on(unit).load(), HOT.on(unit).load()), (3, true));
    }
}

#[test]
fn double_words_are_never_torn() {
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let mut seen = PAIR.load();
                    while let Err(found) = PAIR.compare_exchange(seen, (seen.0 + 1, !(seen.0 + 1)))
                    {
                        seen = found;
                    }
                }
            });
        }
        for (_, pair) in &PAIR {
            let (first, second) = pair.load();
            assert_eq!(second, !first);
        }
    });
    assert_eq!(PAIR.iter().map(|(_, pair)| pair.load().0).sum::<u64>(), THREADS as u64 * EACH);
}

#[test]
fn nodes_and_records_come_out_once() {
    fn left(count: &std::sync::atomic::AtomicU64) {
        count.fetch_sub(1, Relaxed);
    }
    let count = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for n in 0..EACH {
                    let pushed = LIST.push(ListNode::new(n.to_string())).is_ok();
                    let popped = LIST.pop().is_some();
                    count.fetch_add(u64::from(pushed) + 1 - u64::from(popped), Relaxed);
                    let pushed = BUFFER.push((n as u32, "text", 3)).is_ok();
                    let popped = BUFFER.pop();
                    assert!(popped.is_none_or(|(_, text, three)| (text, three) == ("text", 3)));
                    count.fetch_add(u64::from(pushed) + 1 - u64::from(popped.is_some()), Relaxed);
                }
            });
        }
        LIST.drain(|_, _| left(&count)).unwrap();
        BUFFER.drain(|_, _| left(&count)).unwrap();
    });
    LIST.drain(|_, _| left(&count)).unwrap();
    BUFFER.drain(|_, _| left(&count)).unwrap();
    assert_eq!(count.into_inner(), 2 * THREADS as u64 * EACH);
}

#[test]
fn asserted_operations_under_their_lock_are_exact() {
    percpu! {
        static LOCK: LocalLock<()> = LocalLock::new(());
        static COUNT: AtomicU64 = AtomicU64::new(0);
    }
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let guard = LOCK.lock();
                    COUNT.asserted(LocalLockGuard::unit(&guard)).inc();
                }
            });
        }
    });
    assert_eq!(COUNT.sum(), THREADS as u64 * EACH);
}

/// With a limit, from several threads.
#[test]
fn an_allocator_counts_and_keeps_its_limit() {
    const LIMIT: usize = 40_000;
    static LIMITED: AccountingAlloc<System> = AccountingAlloc::new(System).with_limit(LIMIT);
    let churn = || {
        let mut blocks: Vec<(*mut u8, Layout)> = Vec::new();
        for n in 0..EACH as usize {
            let layout = Layout::from_size_align(1 + n * 37 % 900, 8).unwrap();
            // SAFETY: not of size zero.
            let block = unsafe { LIMITED.alloc_zeroed(layout) };
            if !block.is_null() {
                blocks.push((block, layout));
            }
            if n % 3 == 0 && !blocks.is_empty() {
                let (block, layout) = blocks.swap_remove(n % blocks.len());
                // SAFETY: one of its blocks, of this layout.
                let moved = unsafe { LIMITED.realloc(block, layout, 100) };
                let (block, layout) = match moved.is_null() {
                    true => (block, layout),
                    false => (moved, Layout::from_size_align(100, 8).unwrap()),
                };
                // SAFETY: likewise; for the last time.
                unsafe { LIMITED.dealloc(block, layout) };
            }
            assert!(LIMITED.snapshot().charged_bytes.unwrap() <= LIMIT as u64);
        }
        for (block, layout) in blocks {
            // SAFETY: one of its blocks, once.
            unsafe { LIMITED.dealloc(block, layout) };
        }
    };
    churn();
    percpu_core::init().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                // Registers the thread, where that is done here; allocators do not.
                Unit::current().unwrap();
                churn();
            });
        }
    });
    let counted = LIMITED.snapshot();
    assert_eq!((counted.allocated_bytes, counted.live_allocations()), (0, 0));
    assert!(counted.allocations > 0 && counted.charged_bytes.unwrap() <= LIMIT as u64 / 16);
    assert!(counted.allocations + counted.deallocations > counted.fallbacks);
    println!("{counted}");
}

#[test]
fn objects_are_released_once_by_whoever_puts_the_last_reference() {
    let released = std::sync::Arc::new(AtomicU64::new(0));
    let count = std::sync::Arc::clone(&released);
    let release = move |text: String| {
        assert!(text.starts_with("life"));
        count.fetch_add(1, Relaxed);
    };
    let rounds = if cfg!(miri) { 3 } else { 300 };
    for round in 0..rounds {
        let owner = PerCpuRef::builder().allow_reinit().on_release(release.clone());
        let owner = owner.build(format!("life {round}")).unwrap();
        std::thread::scope(|scope| {
            let references: Vec<_> = (0..THREADS).map(|_| owner.get()).collect();
            for (n, first) in references.into_iter().enumerate() {
                let owner = &owner;
                scope.spawn(move || {
                    let other = Ref::clone(&first);
                    drop(first);
                    // Perhaps: it may be killed by now.
                    let more = owner.try_get_live();
                    assert_eq!(other.len(), format!("life {round}").len());
                    if n == 0 {
                        assert_eq!(owner.kill(), Ok(()));
                        assert!(owner.try_get_live().is_none());
                    }
                    drop((more, other));
                });
            }
        });
        assert!(owner.is_released() && owner.try_get().is_none());
        owner.reinit("life again".to_owned()).unwrap();
        assert_eq!(owner.reinit("too early".to_owned()).unwrap_err().1, RefError::NotZero);
        // The last reference outlives the owner, or the owner it.
        let last = owner.get();
        match round % 2 {
            0 => drop((owner, last)),
            _ => drop((last, owner)),
        }
    }
    assert_eq!(released.load(Relaxed), 2 * rounds);
    // Without a release: dropped in its place.
    let list = PerCpuRef::new(vec![Box::new(1), Box::new(2)]).unwrap().get();
    assert_eq!(*list[1], 2);
}
