//! Which chunk is asked next: chunks sorted by their longest hole.
//!
//! # Why
//! A request is served from the fullest chunk that has room, so that the others
//! run empty and can be given back. Exact order would cost more than it gains:
//! chunks stand in *slots*, lists by the logarithm of the longest hole.
//!
//! # State
//! | slot | chunks with a longest hole of | searched |
//! | --- | --- | --- |
//! | 0 | nothing, or too little for what was last asked of them | no |
//! | 1 | 4 to 15 bytes | yes |
//! | s > 1 | 2^(s+2) to 2^(s+3) - 1 bytes | yes |
//! | sidelined | any: pages were given back, used when all else is full | yes |
//! | free | the whole unit | yes, last |
//! | to depopulate | any: pages are about to be given back | no |
//!
//! ```text
//!   slot(size) ------------------------------------------> free
//!   [1] A <-> C    [2]    [3] B    ...   [sidelined] D    [free] E <-> F
//!    ^head: latest to rise into this slot
//!            ^tail: latest to sink into it
//! ```
//!
//! # Invariants
//! 1. A chunk is in exactly one list or in none; bit `s` of `occupied` is set
//!    if and only if list `s` is not empty.
//! 2. A chunk that rises goes to the head of its new slot, one that sinks to
//!    the tail: what just got room is asked first.
//! 3. An *isolated* chunk (sidelined or to depopulate) moves only by name,
//!    never by [`Slots::relocate`].

/// Slots below this give up a chunk that fails a request.
pub(super) const FAIL_THRESHOLD: Slot = Slot(3);

/// No neighbour.
const NIL: u32 = u32::MAX;

/// The number of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u8);

impl Slot {
    /// Of chunks that are not searched.
    pub(super) const FULL: Self = Self(0);
    /// Of chunks that are in no list.
    const NOWHERE: Self = Self(u8::MAX);
}

/// The slot of a hole or a request of `bytes`.
#[doc(alias = "pcpu_size_to_slot")]
pub(super) const fn slot_of(bytes: usize) -> Slot {
    // The kernel's fls: the position of the highest set bit, counted from 1.
    let fls = usize::BITS - bytes.leading_zeros();
    Slot(if fls > 4 { fls as u8 - 3 } else { 1 })
}

/// Where a chunk stands.
#[derive(Clone, Copy, Debug)]
struct Node {
    slot: Slot,
    prev: u32,
    next: u32,
}

/// Lists of chunk numbers.
#[derive(Debug)]
pub(super) struct Slots {
    unit_bytes: usize,
    /// Head and tail of each list.
    lists: Box<[(u32, u32)]>,
    /// Indexed by chunk number.
    nodes: Vec<Node>,
    /// Bit `s` is set if list `s` is not empty.
    occupied: u64,
    /// Slot of sidelined chunks; free and to depopulate follow it.
    sidelined: Slot,
}

impl Slots {
    /// Empty lists for chunks with units of `unit_bytes`.
    pub(super) fn new(unit_bytes: usize) -> Self {
        let sidelined = Slot(slot_of(unit_bytes).0 + 1);
        let lists = vec![(NIL, NIL); usize::from(sidelined.0) + 3].into_boxed_slice();
        assert!(lists.len() <= u64::BITS as usize, "a bit for each list");
        Self { unit_bytes, lists, nodes: Vec::new(), occupied: 0, sidelined }
    }

    /// Where pages were given back.
    pub(super) const fn sidelined(&self) -> Slot {
        self.sidelined
    }

    /// Of chunks with nothing in use.
    pub(super) const fn free(&self) -> Slot {
        Slot(self.sidelined.0 + 1)
    }

    /// Where pages are about to be given back.
    pub(super) const fn to_depopulate(&self) -> Slot {
        Slot(self.sidelined.0 + 2)
    }

    /// The slot for a chunk whose longest hole has `contig` bytes.
    #[inline]
    pub(super) const fn slot_for(&self, contig: usize) -> Slot {
        if contig == 0 {
            Slot::FULL
        } else if contig == self.unit_bytes {
            self.free()
        } else {
            slot_of(contig)
        }
    }

    /// The slot of chunk `id`, if it is in a list.
    #[inline]
    pub(super) fn slot(&self, id: u32) -> Option<Slot> {
        let slot = self.nodes.get(id as usize)?.slot;
        (slot != Slot::NOWHERE).then_some(slot)
    }

    /// Whether chunk `id` is sidelined or to depopulate.
    #[inline]
    pub(super) fn is_isolated(&self, id: u32) -> bool {
        self.slot(id).is_some_and(|slot| slot == self.sidelined() || slot == self.to_depopulate())
    }

    /// Lists chunk `id` in `slot` by the rule: rising to the head, sinking to
    /// the tail. A chunk that was nowhere rises.
    #[inline]
    pub(super) fn place(&mut self, id: u32, slot: Slot) {
        if self.nodes.get(id as usize).is_none_or(|node| node.slot != slot) {
            self.move_to(id, slot);
        }
    }

    /// Takes chunk `id` from another slot or from nowhere to `slot`.
    #[cold]
    fn move_to(&mut self, id: u32, slot: Slot) {
        let old = self.slot(id);
        self.remove(id);
        if self.nodes.len() <= id as usize {
            let nowhere = Node { slot: Slot::NOWHERE, prev: NIL, next: NIL };
            self.nodes.resize(id as usize + 1, nowhere);
        }
        if old < Some(slot) { self.push_head(id, slot) } else { self.push_tail(id, slot) }
    }

    /// The same for a chunk whose longest hole changed: one that is isolated or
    /// in no list stays where it is.
    #[inline]
    pub(super) fn relocate(&mut self, id: u32, slot: Slot) {
        let old = self.nodes[id as usize].slot;
        if old != slot && old != Slot::NOWHERE && !self.is_isolated(id) {
            self.place(id, slot);
        }
    }

    /// Takes chunk `id` out of its list, if it is in one.
    pub(super) fn remove(&mut self, id: u32) {
        let Some(slot) = self.slot(id) else { return };
        let Node { prev, next, .. } = self.nodes[id as usize];
        let list = &mut self.lists[usize::from(slot.0)];
        match prev {
            NIL => list.0 = next,
            _ => self.nodes[prev as usize].next = next,
        }
        match next {
            NIL => list.1 = prev,
            _ => self.nodes[next as usize].prev = prev,
        }
        if list.0 == NIL {
            self.occupied &= !(1 << slot.0);
        }
        self.nodes[id as usize].slot = Slot::NOWHERE;
    }

    /// The first chunk to ask for `size` bytes.
    #[inline]
    pub(super) fn first_for(&self, size: usize) -> Option<u32> {
        self.head_from(slot_of(size))
    }

    /// The chunk to ask after `id`, up to the end of the free slot.
    #[inline]
    pub(super) fn after(&self, id: u32) -> Option<u32> {
        let Node { slot, next, .. } = self.nodes[id as usize];
        if next != NIL { Some(next) } else { self.head_from(Slot(slot.0 + 1)) }
    }

    /// The chunks of one slot, head first.
    pub(super) fn list(&self, slot: Slot) -> impl Iterator<Item = u32> + '_ {
        let known = |id: u32| (id != NIL).then_some(id);
        core::iter::successors(known(self.lists[usize::from(slot.0)].0), move |&id| {
            known(self.nodes[id as usize].next)
        })
    }

    /// The head of the first list from `slot` to the free slot that has one.
    #[inline]
    fn head_from(&self, slot: Slot) -> Option<u32> {
        let searched = !0 >> (63 - self.free().0);
        let lists = self.occupied & searched & (!0 << slot.0);
        (lists != 0).then(|| self.lists[lists.trailing_zeros() as usize].0)
    }

    fn push_head(&mut self, id: u32, slot: Slot) {
        let list = &mut self.lists[usize::from(slot.0)];
        let next = core::mem::replace(&mut list.0, id);
        match next {
            NIL => list.1 = id,
            _ => self.nodes[next as usize].prev = id,
        }
        self.nodes[id as usize] = Node { slot, prev: NIL, next };
        self.occupied |= 1 << slot.0;
    }

    fn push_tail(&mut self, id: u32, slot: Slot) {
        let list = &mut self.lists[usize::from(slot.0)];
        let prev = core::mem::replace(&mut list.1, id);
        match prev {
            NIL => list.0 = id,
            _ => self.nodes[prev as usize].next = id,
        }
        self.nodes[id as usize] = Node { slot, prev, next: NIL };
        self.occupied |= 1 << slot.0;
    }

    /// Checks that every list reads the same in both directions.
    ///
    /// # Panics
    /// If one does not.
    pub(super) fn check_invariants(&self) {
        let mut listed = 0;
        for (nth, &(head, tail)) in (0..).zip(&self.lists) {
            let ids: Vec<u32> = self.list(Slot(nth)).collect();
            assert_eq!(self.occupied >> nth & 1 == 1, !ids.is_empty(), "1: bit of list {nth}");
            assert_eq!(ids.first().copied().unwrap_or(NIL), head, "1: head of list {nth}");
            assert_eq!(ids.last().copied().unwrap_or(NIL), tail, "1: tail of list {nth}");
            let mut prev = NIL;
            for &id in &ids {
                let node = self.nodes[id as usize];
                assert_eq!((node.slot, node.prev), (Slot(nth), prev), "1: node of chunk {id}");
                prev = id;
            }
            listed += ids.len();
        }
        let placed = self.nodes.iter().filter(|node| node.slot != Slot::NOWHERE).count();
        assert_eq!(placed, listed, "1: a chunk is in one list or in none");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNIT: usize = 64 << 10;

    /// The table of the specification, section 3.1.4.
    #[test]
    fn slots_by_size() {
        for (bytes, slot) in [
            (4, 1),
            (15, 1),
            (16, 2),
            (31, 2),
            (32, 3),
            (63, 3),
            (64, 4),
            (4095, 9),
            (4096, 10),
            (32 << 10, 13),
            (1 << 20, 18),
        ] {
            assert_eq!(slot_of(bytes), Slot(slot), "{bytes} bytes");
        }
    }

    #[test]
    fn the_extra_slots_follow_that_of_the_unit() {
        let slots = Slots::new(32 << 10);
        assert_eq!(slots.sidelined(), Slot(14));
        assert_eq!(slots.free(), Slot(15));
        assert_eq!(slots.to_depopulate(), Slot(16));
        assert_eq!(slots.lists.len(), 17);
    }

    #[test]
    fn slot_zero_and_the_free_slot_are_special() {
        let slots = Slots::new(UNIT);
        assert_eq!(slots.slot_for(0), Slot::FULL);
        assert_eq!(slots.slot_for(4), Slot(1));
        assert_eq!(slots.slot_for(UNIT - 4), Slot(13));
        assert_eq!(slots.slot_for(UNIT), slots.free());
    }

    fn order(slots: &Slots, size: usize) -> Vec<u32> {
        core::iter::successors(slots.first_for(size), |&id| slots.after(id)).collect()
    }

    #[test]
    fn rising_goes_to_the_head_and_sinking_to_the_tail() {
        let mut slots = Slots::new(UNIT);
        (0..5).for_each(|id| slots.place(id, Slot(5)));
        assert_eq!(order(&slots, 4), [4, 3, 2, 1, 0]);
        slots.relocate(3, Slot(4));
        slots.relocate(2, Slot(4));
        assert_eq!(order(&slots, 4), [3, 2, 4, 1, 0]);
        slots.relocate(2, Slot(5));
        assert_eq!(order(&slots, 4), [3, 2, 4, 1, 0]);
        slots.relocate(3, Slot(7));
        slots.relocate(3, Slot(5));
        assert_eq!(order(&slots, 4), [2, 4, 1, 0, 3]);
        slots.check_invariants();
    }

    #[test]
    fn the_walk_starts_at_the_size_and_passes_the_sidelined() {
        let mut slots = Slots::new(UNIT);
        slots.place(0, slots.free());
        slots.place(1, slots.sidelined());
        slots.place(2, slots.to_depopulate());
        slots.place(3, slot_of(100));
        slots.place(4, Slot::FULL);
        slots.place(5, slot_of(4000));
        assert_eq!(order(&slots, 4), [3, 5, 1, 0]);
        assert_eq!(order(&slots, 128), [5, 1, 0]);
        assert_eq!(order(&slots, UNIT), [1, 0]);
        slots.check_invariants();
    }

    #[test]
    fn isolated_and_unlisted_chunks_are_not_relocated() {
        let mut slots = Slots::new(UNIT);
        slots.place(0, slots.sidelined());
        slots.place(1, slots.to_depopulate());
        slots.place(2, Slot(4));
        slots.remove(2);
        (0..3).for_each(|id| slots.relocate(id, Slot(6)));
        assert!(slots.is_isolated(0) && slots.is_isolated(1) && !slots.is_isolated(2));
        assert_eq!(slots.slot(2), None);
        slots.place(0, Slot(6));
        assert_eq!(slots.slot(0), Some(Slot(6)));
    }

    proptest! {
        /// The lists are what a vector for each slot would be.
        #[test]
        fn lists_agree_with_vectors(moves in proptest::collection::vec((0u32..12, 0u8..16), 0..200)) {
            let mut slots = Slots::new(UNIT);
            let mut model = vec![Vec::new(); 16];
            for (id, to) in moves {
                let from = model.iter().position(|list: &Vec<u32>| list.contains(&id));
                if to == 15 {
                    slots.remove(id);
                } else {
                    slots.place(id, Slot(to));
                }
                if from == Some(usize::from(to)) {
                    continue;
                }
                model.iter_mut().for_each(|list| list.retain(|&other| other != id));
                match (to, from) {
                    (15, _) => {}
                    (_, Some(from)) if from > usize::from(to) => model[usize::from(to)].push(id),
                    _ => model[usize::from(to)].insert(0, id),
                }
                slots.check_invariants();
                for (nth, list) in (0..).zip(&model) {
                    prop_assert!(slots.list(Slot(nth)).eq(list.iter().copied()));
                }
            }
        }
    }
}
