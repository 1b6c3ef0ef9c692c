//! Stacks, lists, buffers and double words: what goes in comes out, once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use percpu_core::{DoubleWord, ListNode, LocalBuffer, LocalList, PerCpu, PerCpuStack};

use crate::common::Random;
use crate::subject::{Subject, Tally, one_in, some_unit};

const BURST: u64 = 32;

pub(crate) fn all() -> Vec<Box<dyn Subject>> {
    vec![
        Box::new(Stacks {
            tally: Tally::default(),
            stack: PerCpuStack::with_capacity(100).unwrap(),
            sum: Sum::default(),
        }),
        Box::new(Chains {
            tally: Tally::default(),
            list: PerCpu::new_with(|_| LocalList::new()).unwrap(),
            buffer: PerCpu::new_with(|_| LocalBuffer::new()).unwrap(),
            pair: PerCpu::new_with(|_| DoubleWord::new(0, !0)).unwrap(),
            listed: Sum::default(),
            buffered: Sum::default(),
            changes: AtomicU64::new(0),
            spare: Mutex::default(),
        }),
    ]
}

/// What went in, less what came out.
#[derive(Debug, Default)]
struct Sum(AtomicU64);

impl Sum {
    fn enter(&self, value: u64) {
        self.0.fetch_add(value, Relaxed);
    }

    fn leave(&self, value: u64) {
        self.0.fetch_sub(value, Relaxed);
    }
}

struct Stacks {
    tally: Tally,
    stack: PerCpuStack<u64>,
    sum: Sum,
}

impl Subject for Stacks {
    fn name(&self) -> &'static str {
        "stacks"
    }

    fn work(&self, random: &mut Random) {
        for _ in 0..BURST {
            let value = random.next() >> 8;
            self.sum.enter(value);
            if self.stack.push(value).is_err() {
                self.sum.leave(value);
            }
            if one_in(random, 2)
                && let Some(value) = self.stack.pop()
            {
                self.sum.leave(value);
            }
        }
        let mut values: [u64; 24] = std::array::from_fn(|_| random.next() >> 8);
        match random.next() % 64 {
            0..24 => {
                values.iter().for_each(|&value| self.sum.enter(value));
                let pushed = self.stack.push_batch(&values);
                values[pushed..].iter().for_each(|&value| self.sum.leave(value));
            }
            24..48 => {
                let popped = self.stack.pop_batch(&mut values);
                values[..popped].iter().for_each(|&value| self.sum.leave(value));
            }
            48 => self.stack.drain(|_, value| self.sum.leave(value)).unwrap(),
            49..52 => {
                let unit = some_unit(random);
                self.stack.drain_unit(unit, |value| self.sum.leave(value)).unwrap();
            }
            _ => {}
        }
        self.tally.worked(2 * BURST);
    }

    fn check(&self) {
        self.stack.drain(|_, value| self.sum.leave(value)).unwrap();
        assert_eq!(self.sum.0.load(Relaxed), 0, "lost or doubled");
        assert!(self.stack.is_empty());
    }

    fn done(&self) -> &Tally {
        &self.tally
    }
}

/// A record that tells if it is torn.
#[derive(Clone, Copy)]
struct Record([u64; 12]);

struct Chains {
    tally: Tally,
    list: PerCpu<LocalList<u64>>,
    buffer: PerCpu<LocalBuffer<Record, 16>>,
    pair: PerCpu<DoubleWord>,
    listed: Sum,
    buffered: Sum,
    changes: AtomicU64,
    /// As the list takes and gives them.
    #[allow(clippy::vec_box)]
    spare: Mutex<Vec<Box<ListNode<u64>>>>,
}

impl Chains {
    fn out_of_the_buffer(&self, record: Record) {
        assert!(record.0.iter().all(|&word| word == record.0[0]), "torn");
        self.buffered.leave(record.0[0]);
    }
}

impl Subject for Chains {
    fn name(&self) -> &'static str {
        "lists and buffers"
    }

    fn work(&self, random: &mut Random) {
        let mut spare = std::mem::take(&mut *self.spare.lock().unwrap());
        for _ in 0..BURST {
            let value = random.next() >> 8;
            let mut node = spare.pop().unwrap_or_else(|| ListNode::new(0));
            **node = value;
            self.listed.enter(value);
            if let Err(node) = self.list.push(node) {
                self.listed.leave(value);
                spare.push(node);
            }
            if !one_in(random, 4)
                && let Some(node) = self.list.pop()
            {
                self.listed.leave(**node);
                spare.push(node);
            }
            self.buffered.enter(value);
            if self.buffer.push(Record([value; 12])).is_err() {
                self.buffered.leave(value);
            }
            if one_in(random, 2)
                && let Some(record) = self.buffer.pop()
            {
                self.out_of_the_buffer(record);
            }
            let mut seen = self.pair.load();
            while let Err(found) = self.pair.compare_exchange(seen, (seen.0 + 1, !(seen.0 + 1))) {
                assert_eq!(found.1, !found.0, "torn");
                seen = found;
            }
        }
        self.changes.fetch_add(BURST, Relaxed);
        if one_in(random, 64) {
            self.list
                .drain(|_, node| {
                    self.listed.leave(**node);
                    spare.push(node);
                })
                .unwrap();
            self.buffer.drain(|_, record| self.out_of_the_buffer(record)).unwrap();
        }
        spare.truncate(256);
        self.spare.lock().unwrap().append(&mut spare);
        self.tally.worked(5 * BURST);
    }

    fn check(&self) {
        self.list.drain(|_, node| self.listed.leave(node.into_value())).unwrap();
        self.buffer.drain(|_, record| self.out_of_the_buffer(record)).unwrap();
        assert_eq!(self.listed.0.load(Relaxed), 0, "nodes");
        assert_eq!(self.buffered.0.load(Relaxed), 0, "records");
        let changes: u64 = self.pair.iter().map(|(_, pair)| pair.load().0).sum();
        assert_eq!(changes, self.changes.load(Relaxed), "double words");
        self.spare.lock().unwrap().clear();
    }

    fn done(&self) -> &Tally {
        &self.tally
    }
}
