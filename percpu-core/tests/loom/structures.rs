//! Structures of several words: a double word is never torn, a node or a record
//! comes out once.

use std::collections::BTreeSet;
use std::sync::Arc;

use percpu_core::model::{Builder, Outcomes};
use percpu_core::{DoubleWord, ListNode, LocalBuffer, LocalList, PerCpu, Unit};

type Pair = Arc<PerCpu<DoubleWord>>;

fn cpu0() -> Unit {
    Unit::all().unwrap().next().unwrap()
}

/// The pair that belongs to a number.
fn pair(n: u64) -> (u64, u64) {
    (n, !n)
}

fn checked((first, second): (u64, u64)) -> u64 {
    assert_eq!(second, !first, "torn");
    first
}

fn double_word() -> Pair {
    Arc::new(PerCpu::new_with(|_| DoubleWord::new(0, !0)).unwrap())
}

/// Adds one to both halves, each in its way.
fn add_one(word: &PerCpu<DoubleWord>) {
    let mut seen = word.load();
    while let Err(found) = word.compare_exchange(seen, pair(checked(seen) + 1)) {
        seen = found;
    }
}

/// Two threads of one CPU: whoever is preempted between its load and its commit
/// loads again.
#[test]
fn double_words_of_one_cpu() {
    static SUMS: Outcomes<Vec<u64>> = Outcomes::new();
    Builder::new().preemptions(2).check(|machine| {
        let word = double_word();
        let threads = [(), ()].map(|()| {
            let theirs = Arc::clone(&word);
            machine.spawn_on(0, move || add_one(&theirs))
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let units: Vec<_> =
            Unit::all().unwrap().map(|unit| checked(word.on(unit).load())).collect();
        assert_eq!(units.iter().sum::<u64>(), 2, "a change was lost");
        SUMS.saw(units);
    });
    SUMS.assert_exactly([vec![2, 0, 0], vec![1, 1, 0], vec![0, 2, 0]]);
}

/// A reader elsewhere: what it finds was there at one moment, also while both
/// slots are written over, and never goes back.
#[test]
fn remote_read_of_a_double_word_against_changes() {
    static SEEN: Outcomes<(u64, u64)> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let word = double_word();
        let theirs = Arc::clone(&word);
        let writer = machine.spawn_on(0, move || {
            theirs.store(pair(1));
            theirs.store(pair(2));
        });
        let reader = machine.spawn_without_rseq(move || {
            let word = word.on(cpu0());
            (checked(word.load()), checked(word.load()))
        });
        writer.join().unwrap();
        let (first, second) = reader.join().unwrap();
        assert!(first <= second, "went back from {first} to {second}");
        SEEN.saw((first, second));
    });
    SEEN.assert_exactly([(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]);
}

/// The shared unit's body: changes exclude each other, readers need no lock.
#[test]
fn double_words_without_rseq() {
    static SEEN: Outcomes<u64> = Outcomes::new();
    Builder::new().cpus(1).preemptions(2).check(|machine| {
        let word = double_word();
        let writers = [(), ()].map(|()| {
            let theirs = Arc::clone(&word);
            machine.spawn_without_rseq(move || add_one(&theirs))
        });
        let theirs = Arc::clone(&word);
        let reader = machine.spawn_on(0, move || {
            let shared = Unit::all().unwrap().next_back().unwrap();
            checked(theirs.on(shared).load())
        });
        SEEN.saw(reader.join().unwrap());
        writers.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(word.iter().map(|(_, word)| checked(word.load())).sum::<u64>(), 2);
    });
    SEEN.assert_exactly([0, 1, 2]);
}

type List = Arc<PerCpu<LocalList<u64>>>;
type Nodes = Vec<Box<ListNode<u64>>>;

/// A list with these values on CPU 0, the last one first.
fn list(values: impl IntoIterator<Item = u64>) -> List {
    let list = PerCpu::new_with(|_| LocalList::new()).unwrap();
    for value in values {
        list.push(ListNode::new(value)).expect("nobody drains");
    }
    Arc::new(list)
}

/// What came out and what is still inside is each node once.
fn conserved(list: &PerCpu<LocalList<u64>>, mut out: Nodes, values: &[u64]) {
    list.drain(|_, node| out.push(node)).expect("no filter");
    let unique: BTreeSet<_> = out.iter().map(|node| core::ptr::from_ref(&**node)).collect();
    if unique.len() != out.len() {
        // Two owners would free it twice.
        core::mem::forget(out);
        panic!("a node came out twice");
    }
    let mut found: Vec<_> = out.into_iter().map(ListNode::into_value).collect();
    found.sort_unstable();
    assert_eq!(found, values);
}

/// One thread takes the first node and is preempted before it commits what the
/// node led to, while another takes both and puts the first back: the head is
/// the same again, and what it leads to is not (ABA).
#[test]
fn pop_against_pop_pop_push() {
    static POPPED: Outcomes<Option<u64>> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let list = list([1, 2]);
        let theirs = Arc::clone(&list);
        let one = machine.spawn_on(0, move || theirs.pop());
        let theirs = Arc::clone(&list);
        let other = machine.spawn_on(0, move || {
            let (first, second) = (theirs.pop(), theirs.pop());
            let back = first.and_then(|node| theirs.push(node).err());
            second.into_iter().chain(back).collect::<Nodes>()
        });
        let one = one.join().unwrap();
        POPPED.saw(one.as_ref().map(|node| ***node));
        let mut out = other.join().unwrap();
        out.extend(one);
        conserved(&list, out, &[1, 2]);
    });
    POPPED.assert_exactly([Some(1), Some(2), None]);
}

/// A drain against the CPU's own pop and push.
#[test]
fn list_drain_against_pop_and_push() {
    static DRAINED: Outcomes<(usize, bool)> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let list = list([1, 2]);
        let theirs = Arc::clone(&list);
        let local = machine.spawn_on(0, move || {
            let popped = theirs.pop();
            let back = theirs.push(ListNode::new(3)).err();
            popped.into_iter().chain(back).collect::<Nodes>()
        });
        let theirs = Arc::clone(&list);
        let drain = machine.spawn_without_rseq(move || {
            let mut out = Nodes::new();
            theirs.drain_on(cpu0(), |node| out.push(node)).expect("no filter");
            out
        });
        let (mut out, drained) = (local.join().unwrap(), drain.join().unwrap());
        DRAINED.saw((drained.len(), out.iter().any(|node| ***node == 3)));
        out.extend(drained);
        conserved(&list, out, &[1, 2, 3]);
    });
    // Before both, between them, after both; and the push met the drain.
    DRAINED.assert_seen([(2, false), (1, false), (2, true)]);
}

/// The same where there are no sections: the lock, tried once.
#[test]
fn portable_list_drain_against_pop_and_push() {
    static DRAINED: Outcomes<(usize, bool)> = Outcomes::new();
    Builder::new().cpus(1).portable().check(|machine| {
        let list = list([1, 2]);
        let theirs = Arc::clone(&list);
        let local = machine.spawn_on(0, move || {
            let popped = theirs.pop();
            let back = theirs.push(ListNode::new(3)).err();
            popped.into_iter().chain(back).collect::<Nodes>()
        });
        let theirs = Arc::clone(&list);
        let drain = machine.spawn_on(0, move || {
            let mut out = Nodes::new();
            theirs.drain_on(cpu0(), |node| out.push(node)).expect("no filter");
            out
        });
        let (mut out, drained) = (local.join().unwrap(), drain.join().unwrap());
        DRAINED.saw((drained.len(), out.iter().any(|node| ***node == 3)));
        out.extend(drained);
        conserved(&list, out, &[1, 2, 3]);
    });
    DRAINED.assert_seen([(2, false), (1, false), (2, true)]);
}

fn drains_of_a_list(builder: Builder, drained: &'static Outcomes<(usize, usize)>) {
    builder.check(move |machine| {
        let list = list([1, 2]);
        let drains = [(), ()].map(|()| {
            let theirs = Arc::clone(&list);
            machine.spawn_without_rseq(move || {
                let mut out = Nodes::new();
                theirs.drain_on(cpu0(), |node| out.push(node)).expect("no filter");
                out
            })
        });
        let [mut one, other] = drains.map(|thread| thread.join().unwrap());
        drained.saw((one.len(), other.len()));
        one.extend(other);
        conserved(&list, one, &[1, 2]);
    });
    drained.assert_exactly([(2, 0), (0, 2)]);
}

/// Two drains, of which one waits for the other's lock.
#[test]
fn list_drain_against_drain() {
    static DRAINED: Outcomes<(usize, usize)> = Outcomes::new();
    drains_of_a_list(Builder::new().cpus(1).faults(1).preemptions(2), &DRAINED);
}

/// The same where no fence comes after the lock.
#[test]
fn portable_list_drain_against_drain() {
    static DRAINED: Outcomes<(usize, usize)> = Outcomes::new();
    drains_of_a_list(Builder::new().cpus(1).portable(), &DRAINED);
}

type Buffer = Arc<PerCpu<LocalBuffer<(u64, u64), 2>>>;

/// Two threads of one CPU and a drain: each record comes out once, and whole.
#[test]
fn buffer_drain_against_push_and_pop() {
    static DRAINED: Outcomes<usize> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let buffer: Buffer = Arc::new(PerCpu::zeroed().unwrap());
        buffer.push(pair(1)).unwrap();
        let theirs = Arc::clone(&buffer);
        let push = machine.spawn_on(0, move || theirs.push(pair(10)).is_ok());
        let theirs = Arc::clone(&buffer);
        let pop = machine.spawn_on(0, move || theirs.pop().map_or(0, checked));
        let theirs = Arc::clone(&buffer);
        let drain = machine.spawn_without_rseq(move || {
            let mut out = Vec::new();
            theirs.drain_on(cpu0(), |record| out.push(checked(record))).expect("no filter");
            out
        });
        let (pushed, popped) = (push.join().unwrap(), pop.join().unwrap());
        let drained = drain.join().unwrap();
        DRAINED.saw(drained.len());
        let mut rest = 0;
        buffer.drain(|_, record| rest += checked(record)).expect("no filter");
        let put = if pushed { 11 } else { 1 };
        assert_eq!(drained.iter().sum::<u64>() + popped + rest, put);
    });
    DRAINED.assert_exactly([0, 1, 2]);
}

/// Two pushes of one CPU, one preempted: neither writes over the other.
#[test]
fn buffer_push_against_push() {
    static ORDER: Outcomes<Vec<u64>> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let buffer: Buffer = Arc::new(PerCpu::zeroed().unwrap());
        let threads = [1, 2].map(|n| {
            let theirs = Arc::clone(&buffer);
            machine.spawn_on(0, move || theirs.push(pair(n)).expect("room for two"))
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let mut order = Vec::new();
        buffer.drain(|_, record| order.push(checked(record))).expect("no filter");
        assert_eq!(order.len(), 2, "a record was lost");
        ORDER.saw(order);
    });
    ORDER.assert_exactly([vec![1, 2], vec![2, 1]]);
}
