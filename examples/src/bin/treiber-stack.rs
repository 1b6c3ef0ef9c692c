//! A stack without locks, its nodes from a cache, freed when nobody can have them any
//! more: Treiber's, with `Cache::defer_free`.
//!
//! # Safety
//! A node is read by pinned threads only. Who takes it out of the stack defers its free
//! with the guard that it is pinned by.

#![allow(unsafe_code)]

use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crossbeam_epoch::{self as epoch, Guard};
use percpu_slab::{Cache, Error, Object};

struct Stack<T> {
    head: AtomicPtr<Node<T>>,
    nodes: Cache<Node<T>>,
}

struct Node<T> {
    value: T,
    next: AtomicPtr<Node<T>>,
}

impl<T: Copy + Send + 'static> Stack<T> {
    fn new() -> Result<Self, Error> {
        let nodes = Cache::builder().name("stack").build()?;
        Ok(Self { head: AtomicPtr::new(null_mut()), nodes })
    }

    fn push(&self, value: T) -> Result<(), Error> {
        let mut head = self.head.load(Relaxed);
        let node = Object::into_raw(self.nodes.alloc(Node { value, next: AtomicPtr::new(head) })?);
        // Release: whoever finds the node finds its value.
        while let Err(now) = self.head.compare_exchange_weak(head, node, Release, Relaxed) {
            head = now;
            // SAFETY: it is not in the stack yet.
            unsafe { &*node }.next.store(head, Relaxed);
        }
        Ok(())
    }

    fn pop(&self, pinned: &Guard) -> Option<T> {
        loop {
            let head = self.head.load(Acquire);
            // SAFETY: it was in the stack when this thread was pinned, so it is not free. And
            // so no other node came to its address, which is why the exchange is right.
            let node = unsafe { head.as_ref() }?;
            let next = node.next.load(Relaxed);
            if self.head.compare_exchange(head, next, Acquire, Relaxed).is_ok() {
                let value = node.value;
                // SAFETY: taken out, by this thread alone.
                unsafe { self.nodes.defer_free(head, pinned) };
                return Some(value);
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const THREADS: u64 = 4;
    const VALUES: u64 = 200_000;

    let stack = Stack::new()?;
    let popped = std::thread::scope(|scope| {
        let work = |thread: u64| {
            let stack = &stack;
            move || -> Result<u64, Error> {
                let mut sum = 0;
                for value in 1..=VALUES {
                    stack.push(thread * VALUES + value)?;
                    sum += stack.pop(&epoch::pin()).unwrap_or(0);
                }
                Ok(sum)
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(work(thread))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum::<Result<u64, _>>()
    })?;
    let all = THREADS * VALUES;
    assert_eq!(popped, all * (all + 1) / 2, "each value was popped once");
    println!("{all} values went through; {} nodes wait for readers", stack.nodes.deferred());
    println!("{}", stack.nodes.stats());
    stack.nodes.destroy()?; // waits for them
    Ok(())
}
