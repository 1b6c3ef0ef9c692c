//! `PerCpuStack`: nothing lost, nothing twice, whatever moves or drains.
//!
//! # Safety
//!
//! System calls that install a filter, and a signal that the thread sends itself;
//! pointers to values that the test owns.

#![cfg(all(target_os = "linux", not(percpu_loom)))]
#![allow(unsafe_code)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use percpu_core::{Error, Full, PerCpuStack, Unit, info};
use proptest::prelude::*;

#[test]
fn each_value_comes_out_once_in_a_storm() {
    common::in_each_mode("each_value_comes_out_once_in_a_storm", || {
        common::tokens::each_comes_out_once_in_a_storm(8, common::scaled(300_000));
    });
}

#[derive(Clone, Debug)]
enum Step {
    Push(u32),
    Pop,
    PushBatch(Vec<u32>),
    PopBatch(usize),
    Drain,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u32>().prop_map(Step::Push),
        4 => Just(Step::Pop),
        2 => prop::collection::vec(any::<u32>(), 0..150).prop_map(Step::PushBatch),
        2 => (0_usize..150).prop_map(Step::PopBatch),
        1 => Just(Step::Drain),
    ]
}

/// On one thread that stays where it is, a stack is a bounded `Vec`.
#[test]
fn one_thread_finds_what_a_vec_would_hold() {
    common::in_each_pinned_mode("one_thread_finds_what_a_vec_would_hold", || {
        common::pin();
        let steps = (0_usize..200, prop::collection::vec(step(), 0..60));
        let config = ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(common::scaled(if cfg!(miri) { 2 } else { 100 }) as u32)
        };
        proptest!(config, |((capacity, steps) in steps)| {
            let stack = PerCpuStack::<u32>::with_capacity(capacity).unwrap();
            prop_assert_eq!(stack.capacity(), capacity);
            let mut model = Vec::new();
            for step in steps {
                match step {
                    Step::Push(value) if model.len() < capacity => {
                        prop_assert_eq!(stack.push(value), Ok(()));
                        model.push(value);
                    }
                    Step::Push(value) => prop_assert_eq!(stack.push(value), Err(Full(value))),
                    Step::Pop => prop_assert_eq!(stack.pop(), model.pop()),
                    Step::PushBatch(values) => {
                        let room = values.len().min(capacity - model.len());
                        prop_assert_eq!(stack.push_batch(&values), room);
                        model.extend(&values[..room]);
                    }
                    Step::PopBatch(most) => {
                        let mut out = vec![0xA5A5; most];
                        let popped = stack.pop_batch(&mut out);
                        prop_assert_eq!(popped, most.min(model.len()));
                        let mut wanted: Vec<_> =
                            model.drain(model.len() - popped..).rev().collect();
                        wanted.resize(most, 0xA5A5);
                        prop_assert_eq!(out, wanted);
                    }
                    Step::Drain => {
                        let mut drained = Vec::new();
                        stack.drain(|_, value| drained.push(value)).unwrap();
                        model.reverse();
                        prop_assert_eq!(drained, std::mem::take(&mut model));
                    }
                }
                prop_assert_eq!(stack.len(), model.len());
                prop_assert_eq!(stack.is_empty(), model.is_empty());
            }
        });
    });
}

/// Rows HP-03 and GL-06: the cache of one CPU is emptied, from another, while it
/// is used; those of the others are not touched.
/// As few as were asked for, or none.
#[test]
fn a_batch_is_no_smaller_than_its_least() {
    use percpu_core::__raw::{RawStack, Refused};
    common::in_each_pinned_mode("a_batch_is_no_smaller_than_its_least", || {
        common::pin();
        let stack = RawStack::with_capacity(4).unwrap();
        let mut out = [0; 4];
        assert_eq!(stack.push_batch(&[1, 2, 3], 3), Ok(3));
        assert_eq!(stack.push_batch(&[4, 5], 2), Err(Refused::Bounds));
        assert_eq!(stack.push_batch(&[4, 5], 1), Ok(1));
        assert_eq!(stack.push_batch(&[5], 1), Err(Refused::Bounds));
        // More lie there than the limit admits since.
        assert!(stack.update_limit(|_| Some(1)));
        assert_eq!(stack.push_batch(&[5], 1), Err(Refused::Bounds));
        assert_eq!(stack.pop_into(&mut out[..1], 1), Ok(1));
        assert_eq!(stack.pop_into(&mut out, 4), Err(Refused::Bounds));
        assert_eq!(stack.pop_into(&mut out, 3), Ok(3));
        assert_eq!(out[..3], [1, 2, 3]);
        assert_eq!(stack.pop_into(&mut out, 1), Err(Refused::Bounds));
    });
}

#[test]
fn a_drained_unit_is_empty_and_the_others_are_as_they_were() {
    common::in_each_pinned_mode("a_drained_unit_is_empty_and_the_others_are_as_they_were", || {
        let cpus: Vec<u32> = (0..64).filter(|cpu| common::allowed() >> cpu & 1 == 1).collect();
        // By concurrency id all may come to one unit.
        let stack = PerCpuStack::<u64>::with_capacity(3 * cpus.len()).unwrap();
        std::thread::scope(|scope| {
            for &cpu in &cpus {
                let stack = &stack;
                scope.spawn(move || {
                    common::set_affinity(1 << cpu);
                    assert_eq!(stack.push_batch(&[u64::from(cpu); 3]), 3);
                });
            }
        });
        let mut full: Vec<_> =
            Unit::all().unwrap().filter(|&unit| !stack.on(unit).is_empty()).collect();
        let all = stack.len();
        assert_eq!(all, 3 * cpus.len());
        while let Some(unit) = full.pop() {
            let (here, before) = (stack.on(unit).len(), stack.len());
            let mut drained = 0;
            stack
                .drain_unit(unit, |value| {
                    drained += 1;
                    if common::by_cpu() {
                        assert_eq!(Some(value), unit.cpu().map(|cpu| cpu.get().into()));
                    }
                })
                .unwrap();
            assert_eq!((drained, stack.on(unit).len()), (here, 0));
            assert_eq!(stack.len(), before - here);
        }
        assert!(stack.is_empty());
        // Open again.
        common::pin();
        assert_eq!(stack.push(1), Ok(()));
        assert_eq!(stack.pop(), Some(1));
    });
}

static STACK: OnceLock<PerCpuStack<u64>> = OnceLock::new();
static REFUSED: AtomicU64 = AtomicU64::new(0);

fn push_and_pop() {
    let stack = STACK.get().unwrap();
    assert_eq!(stack.push(7), Err(Full(7)));
    assert_eq!(stack.pop(), None);
    REFUSED.fetch_add(1, Relaxed);
}

/// A handler on top of a drain of its own thread is answered; it does not wait.
#[test]
#[cfg_attr(miri, ignore = "raises a signal")]
fn a_handler_finds_the_unit_that_is_drained_full_and_empty() {
    common::in_each_pinned_mode("a_handler_finds_the_unit_that_is_drained_full_and_empty", || {
        common::pin();
        let stack = STACK.get_or_init(|| PerCpuStack::with_capacity(4).unwrap());
        common::handle_sigusr1(push_and_pop);
        assert_eq!(stack.push_batch(&[1, 2, 3]), 3);
        let mut drained = Vec::new();
        stack
            .drain(|_, value| {
                // SAFETY: runs the handler above, on this thread, now.
                unsafe { libc::raise(libc::SIGUSR1) };
                drained.push(value);
            })
            .unwrap();
        assert_eq!((drained, REFUSED.load(Relaxed)), (vec![3, 2, 1], 3));
        assert_eq!((stack.push(4), stack.pop()), (Ok(()), Some(4)));
    });
}

#[test]
fn a_panic_while_draining_leaves_the_rest_and_opens_the_unit() {
    common::in_each_pinned_mode(
        "a_panic_while_draining_leaves_the_rest_and_opens_the_unit",
        || {
            common::pin();
            let stack = PerCpuStack::<u8>::with_capacity(4).unwrap();
            assert_eq!(stack.push_batch(&[1, 2, 3]), 3);
            let panics = AssertUnwindSafe(|| stack.drain(|_, value| assert_ne!(value, 2)));
            assert!(catch_unwind(panics).is_err());
            assert_eq!((stack.len(), stack.pop(), stack.pop()), (1, Some(1), None));
            let mut drained = 0;
            stack.drain(|_, _| drained += 1).unwrap();
            assert_eq!(drained, 0);
        },
    );
}

#[test]
#[cfg(debug_assertions)]
fn a_drain_inside_a_drain_is_noticed() {
    let stack = PerCpuStack::<u8>::with_capacity(4).unwrap();
    stack.push(1).unwrap();
    let nested = AssertUnwindSafe(|| {
        stack.drain(|_, _| stack.drain(|_, _| ()).unwrap()).unwrap();
    });
    assert!(catch_unwind(nested).is_err());
    stack.push(2).unwrap();
    stack.drain(|_, _| ()).unwrap();
    assert!(stack.is_empty());
}

#[test]
fn pointers_come_back_as_they_went_in() {
    let stack = PerCpuStack::<NonNull<String>>::with_capacity(16).unwrap();
    let made = AtomicU64::new(0);
    let freed = AtomicU64::new(0);
    let free = |pointer: NonNull<String>| {
        // SAFETY: it came from a box, and comes out once.
        let text = unsafe { Box::from_raw(pointer.as_ptr()) };
        assert!(text.starts_with("string "), "{text}");
        freed.fetch_add(1, Relaxed);
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..common::scaled(2_000) {
                    made.fetch_add(1, Relaxed);
                    let text = NonNull::from(Box::leak(Box::new(format!("string {n}"))));
                    if let Err(Full(text)) = stack.push(text) {
                        free(text);
                    }
                    if n % 3 != 0 {
                        stack.pop().into_iter().for_each(free);
                    }
                }
            });
        }
    });
    stack.drain(|_, text| free(text)).unwrap();
    assert_eq!(freed.into_inner(), made.into_inner());

    common::pin();
    let mut value = 5_i32;
    let pointers = PerCpuStack::<*mut i32>::with_capacity(2).unwrap();
    pointers.push(&raw mut value).unwrap();
    pointers.push(std::ptr::null_mut()).unwrap();
    assert_eq!(pointers.pop(), Some(std::ptr::null_mut()));
    // SAFETY: the address of a live local.
    unsafe { *pointers.pop().unwrap() += 1 };
    let readers = PerCpuStack::<*const i32>::with_capacity(1).unwrap();
    readers.push(&raw const value).unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { *readers.pop().unwrap() }, 6);
    let maybe = PerCpuStack::<Option<NonNull<i32>>>::with_capacity(2).unwrap();
    maybe.push(None).unwrap();
    assert_eq!(maybe.pop(), Some(None));
    let signed = PerCpuStack::<i16>::with_capacity(2).unwrap();
    assert_eq!(
        (signed.push_batch(&[-1, i16::MIN]), signed.pop(), signed.pop()),
        (2, Some(i16::MIN), Some(-1))
    );
}

#[test]
fn what_cannot_be_allocated_is_an_error() {
    let most = (32 << 10) / 8 - 1;
    assert_eq!(PerCpuStack::<u64>::with_capacity(most).unwrap().capacity(), most);
    for capacity in [most + 1, usize::MAX / 8, usize::MAX] {
        let refused = PerCpuStack::<u64>::with_capacity(capacity).unwrap_err();
        assert!(matches!(refused, Error::TooLarge { max: 32_768, .. }), "{refused}");
    }
    common::pin();
    let none = PerCpuStack::<u64>::with_capacity(0).unwrap();
    assert_eq!((none.push(1), none.pop(), none.push_batch(&[1])), (Err(Full(1)), None, 0));
}

/// Memory that another stack left full is an empty stack.
#[test]
fn a_new_stack_is_empty() {
    common::pin();
    for _ in 0..3 {
        let stack = PerCpuStack::<u64>::with_capacity(20).unwrap();
        assert_eq!((stack.len(), stack.pop()), (0, None));
        assert_eq!(stack.push_batch(&[u64::MAX; 30]), 20);
        assert_eq!(stack.pop(), Some(u64::MAX));
        let text = format!("{stack:?}");
        assert!(text.starts_with("PerCpuStack { capacity: 20, len: {"), "{text}");
        assert!(text.contains(": 19"), "{text}");
    }
}

/// From now on this thread's membarrier answers EPERM.
fn filter_membarrier() {
    let jump = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let (load, equal, answer) = (
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        libc::BPF_RET | libc::BPF_K,
    );
    let mut filter = [
        jump(load, 0, 0, 0), // the number of the call
        jump(equal, 0, 1, libc::SYS_membarrier as u32),
        jump(answer, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        jump(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program =
        libc::sock_fprog { len: filter.len() as libc::c_ushort, filter: filter.as_mut_ptr() };
    // SAFETY: takes integers.
    let alone = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(alone, 0);
    // SAFETY: reads the program, a local.
    let set =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(set, 0);
}

/// Decision 8: a filter that came after start refuses the fence, and sections go
/// on. A drain says so and takes nothing.
#[test]
#[cfg_attr(miri, ignore = "installs a filter")]
fn a_refused_fence_is_an_error_and_loses_nothing() {
    common::in_each_pinned_mode("a_refused_fence_is_an_error_and_loses_nothing", || {
        common::pin();
        let stack = PerCpuStack::<u64>::with_capacity(8).unwrap();
        assert_eq!(stack.push_batch(&[1, 2, 3]), 3);
        filter_membarrier();
        let mut drained = Vec::new();
        let outcome = stack.drain(|_, value| drained.push(value));
        if info().unwrap().mode().is_rseq() {
            assert_eq!(outcome, Err(Error::FenceRefused { errno: libc::EPERM }));
            assert!(drained.is_empty());
            // The unit is open, and has everything.
            assert_eq!((stack.len(), stack.push(4)), (3, Ok(())));
            assert_eq!(stack.pop_batch(&mut [0; 9]), 4);
        } else {
            // There is no section to wait for.
            assert_eq!((outcome, drained), (Ok(()), vec![3, 2, 1]));
        }
    });
}
