//! `IdPool`: each id is in one place, whoever takes, steals or gives back.

use std::sync::Arc;

use percpu_core::atomic::{AtomicU64, Ordering::Relaxed};
use percpu_core::model::{Builder, Outcomes};
use percpu_slab::{__model::FreeList, IdPool};

/// Ids, and what their users write under them.
struct Table {
    ids: IdPool,
    users: [AtomicU64; 3],
}

impl Table {
    fn new(count: usize) -> Arc<Self> {
        let users = [(); 3].map(|()| AtomicU64::new(0));
        Arc::new(Self { ids: IdPool::new(count).unwrap(), users })
    }

    /// Takes an id, as `user`, whom nobody else's writing reaches.
    fn take(&self, user: u64) -> Option<u32> {
        let id = self.ids.take().ok()?;
        self.used_by(id, user);
        Some(id)
    }

    fn used_by(&self, id: u32, user: u64) {
        let old = self.users[id as usize].load(Relaxed);
        assert_eq!(old, 0, "id {id} came to {user} while {old} had it, or too early");
        self.users[id as usize].store(user, Relaxed);
    }

    fn put(&self, id: u32) {
        self.users[id as usize].store(0, Relaxed);
        self.ids.put(id).unwrap();
    }

    /// All ids, from whoever has them.
    fn rest(&self, in_use: &[u32]) {
        let mut all = in_use.to_vec();
        while let Ok(id) = self.ids.take() {
            all.push(id);
        }
        all.sort_unstable();
        let expected: Vec<u32> = (0..self.ids.capacity() as u32).collect();
        assert_eq!(all, expected, "lost or twice");
    }
}

/// One CPU gives its id back and takes one, another takes what it can, also from the
/// first one's stack.
#[test]
fn get_against_steal() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let table = Table::new(1);
        let id = table.take(1).unwrap();
        let theirs = Arc::clone(&table);
        let local = machine.spawn_on(0, move || {
            theirs.put(id);
            theirs.take(1)
        });
        let theirs = Arc::clone(&table);
        let thief = machine.spawn_on(1, move || theirs.take(2));
        let (local, stolen) = (local.join().unwrap(), thief.join().unwrap());
        let in_use: Vec<u32> = local.into_iter().chain(stolen).collect();
        table.rest(&in_use);
        ENDS.saw((local.is_some(), stolen.is_some()));
    });
    // (false, false): the thief had it in its hands when the other looked, or it came
    // back where the thief had looked already.
    ENDS.assert_seen([(true, false), (false, true)]);
}

/// What comes back to the front of a list while somebody walks it is another list.
#[test]
fn list_pop_against_pop_and_push() {
    static ENDS: Outcomes<(u32, Vec<u32>)> = Outcomes::new();
    Builder::new().faults(0).preemptions(3).check(|machine| {
        let list = Arc::new(FreeList::new(3));
        let pop = |list: &FreeList, most| {
            let mut ids = [9; 3];
            let found = list.pop(&mut ids[..most]);
            ids[..found].to_vec()
        };
        let theirs = Arc::clone(&list);
        let slow = machine.spawn_on(0, move || pop(&theirs, 1)[0]);
        let theirs = Arc::clone(&list);
        let quick = machine.spawn_on(1, move || {
            let mut found = pop(&theirs, 2);
            theirs.push(&[found.remove(0)]);
            found
        });
        let (slow, quick) = (slow.join().unwrap(), quick.join().unwrap());
        let rest = pop(&list, 3);
        let mut all: Vec<u32> = [slow].into_iter().chain(quick.clone()).chain(rest).collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2], "lost or twice");
        ENDS.saw((slow, quick));
    });
    // First, last, and when 0 had come back; when 0 and 1 were out, or first.
    ENDS.assert_exactly([(0, vec![2]), (0, vec![1]), (2, vec![1])]);
}

/// Whoever takes an id from the list sees what its last user wrote, and the list as it
/// was pushed.
#[test]
fn list_pop_against_push() {
    static ENDS: Outcomes<Vec<u32>> = Outcomes::new();
    Builder::new().faults(0).preemptions(3).check(|machine| {
        let list = Arc::new(FreeList::new(2));
        let users = Arc::new([(); 2].map(|()| AtomicU64::new(1)));
        assert_eq!(list.pop(&mut [9; 2]), 2);
        let (theirs, marks) = (Arc::clone(&list), Arc::clone(&users));
        let pushes = machine.spawn_on(0, move || {
            marks.iter().for_each(|mark| mark.store(0, Relaxed));
            theirs.push(&[1, 0]);
        });
        let (theirs, marks) = (Arc::clone(&list), Arc::clone(&users));
        let pops = machine.spawn_on(1, move || {
            let mut ids = [9; 2];
            let found = theirs.pop(&mut ids);
            for &id in &ids[..found] {
                assert_eq!(marks[id as usize].load(Relaxed), 0, "as its last user left it");
            }
            ids[..found].to_vec()
        });
        pushes.join().unwrap();
        ENDS.saw(pops.join().unwrap());
    });
    ENDS.assert_exactly([vec![], vec![1, 0]]);
}

/// An id given back twice at once is free once.
#[test]
fn put_against_put() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let table = Table::new(2);
        let id = table.ids.take().unwrap();
        let threads = [0, 1].map(|cpu| {
            let theirs = Arc::clone(&table);
            machine.spawn_on(cpu, move || theirs.ids.put(id).is_ok())
        });
        let [a, b] = threads.map(|thread| thread.join().unwrap());
        assert!(a != b, "free {} times", u8::from(a) + u8::from(b));
        table.rest(&[]);
        ENDS.saw((a, b));
    });
    ENDS.assert_exactly([(true, false), (false, true)]);
}

/// Whoever finds the list changed between the look and the change looks again, and sees
/// that list as it was pushed, and its ids as they were left.
#[test]
fn list_pop_against_a_change() {
    static ENDS: Outcomes<Vec<u32>> = Outcomes::new();
    Builder::new().faults(0).preemptions(3).check(|machine| {
        let list = Arc::new(FreeList::new(3));
        let users = Arc::new([(); 3].map(|()| AtomicU64::new(0)));
        let mut two = [9; 2];
        assert_eq!(list.pop(&mut two), 2);
        let (theirs, marks) = (Arc::clone(&list), Arc::clone(&users));
        let pushes = machine.spawn_on(0, move || {
            two.iter().for_each(|&id| marks[id as usize].store(7, Relaxed));
            theirs.push(&[1, 0]);
        });
        let (theirs, marks) = (Arc::clone(&list), Arc::clone(&users));
        let pops = machine.spawn_on(1, move || {
            let mut ids = [9; 3];
            let found = theirs.pop(&mut ids);
            for &id in ids[..found].iter().filter(|&&id| id < 2) {
                assert_eq!(marks[id as usize].load(Relaxed), 7, "as its last user left it");
            }
            ids[..found].to_vec()
        });
        pushes.join().unwrap();
        let mut all = pops.join().unwrap();
        ENDS.saw(all.clone());
        let mut rest = [9; 3];
        let found = list.pop(&mut rest);
        all.extend(&rest[..found]);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2], "lost or twice");
    });
    ENDS.assert_exactly([vec![2], vec![1, 0, 2]]);
}

/// A walk that comes to an id in use, whose word is no next one, begins again.
#[test]
fn list_pop_against_use_of_what_it_walks() {
    static ENDS: Outcomes<Vec<u32>> = Outcomes::new();
    Builder::new().faults(0).preemptions(3).check(|machine| {
        let list = Arc::new(FreeList::new(2));
        let users = Arc::new([(); 2].map(|()| AtomicU64::new(0)));
        let (theirs, marks) = (Arc::clone(&list), Arc::clone(&users));
        let uses = machine.spawn_on(0, move || {
            let mut id = [9];
            if theirs.pop(&mut id) == 0 {
                return false;
            }
            theirs.take(id[0]);
            marks[id[0] as usize].store(7, Relaxed);
            assert!(theirs.give_up(id[0]), "it was in use");
            theirs.push(&id);
            true
        });
        let (theirs, marks) = (Arc::clone(&list), Arc::clone(&users));
        let pops = machine.spawn_on(1, move || {
            let mut ids = [9; 2];
            let found = theirs.pop(&mut ids);
            let mark = |&id: &u32| marks[id as usize].load(Relaxed);
            (ids[..found].to_vec(), ids[..found].iter().map(mark).collect::<Vec<_>>())
        });
        let used = uses.join().unwrap();
        let (popped, marks) = pops.join().unwrap();
        let mut all = popped.clone();
        let mut rest = [9; 2];
        let found = list.pop(&mut rest);
        all.extend(&rest[..found]);
        all.sort_unstable();
        assert_eq!(all, [0, 1], "lost or twice");
        // After the other one, before it, or while it had the first one.
        match (used, &popped[..]) {
            (true, [0, 1]) => assert!(marks == [7, 0] || marks == [0, 0], "{marks:?}"),
            (true, [1]) | (false, [0, 1]) => {}
            other => panic!("{other:?}"),
        }
        ENDS.saw(popped);
    });
    ENDS.assert_exactly([vec![0, 1], vec![1]]);
}

/// As many threads as ids: each has one, as nobody needs two, and what one gives back may
/// go to the other.
#[test]
fn get_against_get_of_the_last_ids() {
    static ENDS: Outcomes<[Option<u32>; 2]> = Outcomes::new();
    Builder::new().faults(0).preemptions(2).check(|machine| {
        let table = Table::new(2);
        let threads = [1, 2].map(|user| {
            let theirs = Arc::clone(&table);
            machine.spawn_on(user - 1, move || {
                let id = theirs.take(u64::from(user)).expect("there is one for each");
                theirs.put(id);
                theirs.take(u64::from(user))
            })
        });
        let ids = threads.map(|thread| thread.join().unwrap());
        let in_use: Vec<u32> = ids.iter().copied().flatten().collect();
        table.rest(&in_use);
        ENDS.saw(ids);
    });
    ENDS.assert_seen([[Some(0), Some(1)], [Some(1), Some(0)]]);
}

/// Guards: held and let go, beside one that becomes a number.
#[test]
fn guard_against_number() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    Builder::new().faults(0).preemptions(2).check(|machine| {
        let table = Table::new(1);
        let theirs = Arc::clone(&table);
        let guard = machine.spawn_on(0, move || {
            let Ok(id) = theirs.ids.get() else { return false };
            theirs.used_by(id.number(), 1);
            assert!(theirs.ids.put(id.number()).is_err(), "a guard's");
            theirs.users[id.number() as usize].store(0, Relaxed);
            true
        });
        let theirs = Arc::clone(&table);
        let number = machine.spawn_on(1, move || {
            let Ok(id) = theirs.ids.get() else { return false };
            let id = id.into_number();
            theirs.used_by(id, 2);
            theirs.put(id);
            true
        });
        ENDS.saw((guard.join().unwrap(), number.join().unwrap()));
        table.rest(&[]);
    });
    ENDS.assert_seen([(true, true), (true, false), (false, true)]);
}
