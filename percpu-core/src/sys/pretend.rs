//! A pretend system: address space and pages that exist in tables only.
//!
//! Any number of CPUs and nodes costs nothing here, every call can be made to
//! fail, and what is backed, bound and still reserved can be looked up.

use core::ops::Range;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use super::memory::{NO_MEMORY, Span, System, Wanted};
use super::topology::NodeId;
use crate::area::AddressSpace;

const PAGE: usize = 4096;

/// A call of the pretend system. Ranges are addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Reserve(usize),
    Populate(Range<usize>),
    Discard(Range<usize>),
    Bind(Range<usize>, NodeId),
}

/// Is asked before each call is made; an error number refuses it.
type Hook = Box<dyn FnMut(&Call) -> Result<(), i32> + Send>;

#[derive(Default)]
pub(crate) struct State {
    /// Every call so far, refused ones included.
    pub(crate) calls: Vec<Call>,
    /// Which call fails, counted from 0, if one is to.
    pub(crate) fail_at: Option<usize>,
    /// What is reserved: lengths by first address.
    pub(crate) spans: BTreeMap<usize, usize>,
    /// Pages that are backed, by address, and what they hold if it is not zero.
    pub(crate) backed: HashMap<usize, Option<Box<[u8; PAGE]>>>,
    /// The node that pages are bound to, by range.
    pub(crate) bound: Vec<(Range<usize>, NodeId)>,
    /// Where spans are put.
    addresses: Option<AddressSpace>,
}

/// A machine without memory.
#[derive(Clone)]
pub(crate) struct Pretend {
    state: Arc<Mutex<State>>,
    hook: Arc<Mutex<Option<Hook>>>,
}

#[derive(Debug)]
pub(crate) struct PretendSpan {
    system: Pretend,
    base: usize,
    len: usize,
}

impl core::fmt::Debug for Pretend {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pretend").finish_non_exhaustive()
    }
}

impl Pretend {
    /// A machine whose processes have `space` bytes of addresses.
    pub(crate) fn new(space: usize) -> Self {
        // Behind a page that nobody ever has.
        let addresses = Some(AddressSpace::new(PAGE..space, PAGE));
        let state = State { addresses, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), hook: Arc::new(Mutex::new(None)) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Asks `hook` before each call from now on, with no lock of the state held.
    pub(crate) fn ask(&self, hook: impl FnMut(&Call) -> Result<(), i32> + Send + 'static) {
        *self.hook.lock().unwrap() = Some(Box::new(hook));
    }

    fn call(&self, call: Call) -> Result<MutexGuard<'_, State>, i32> {
        if let Some(hook) = self.hook.lock().unwrap().as_mut() {
            hook(&call)?;
        }
        let mut state = self.state();
        let nth = state.calls.len();
        state.calls.push(call);
        if state.fail_at == Some(nth) { Err(NO_MEMORY) } else { Ok(state) }
    }

    /// Fills a range with a value, which backs its pages.
    pub(crate) fn fill(&self, range: Range<usize>, value: u8) {
        let mut state = self.state();
        state.assert_reserved(&range);
        for (page, part) in pages_of(range) {
            let page = state.backed.entry(page).or_default();
            page.get_or_insert_with(|| Box::new([0; PAGE]))[part].fill(value);
        }
    }

    /// Whether a range holds nothing but a value.
    pub(crate) fn holds(&self, range: Range<usize>, value: u8) -> bool {
        let state = self.state();
        state.assert_reserved(&range);
        pages_of(range).all(|(page, part)| match state.backed.get(&page) {
            Some(Some(page)) => page[part].iter().all(|&byte| byte == value),
            _ => value == 0,
        })
    }
}

/// The pages of a range, each with the part of it that is meant.
fn pages_of(range: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
    let first = range.start / PAGE * PAGE;
    (first..range.end)
        .step_by(PAGE)
        .map(move |page| (page, range.start.max(page) - page..range.end.min(page + PAGE) - page))
}

impl State {
    fn assert_reserved(&self, range: &Range<usize>) {
        let (base, len) = self.spans.range(..=range.start).next_back().expect("an address in use");
        assert!(range.end - base <= *len, "addresses in use");
    }

    /// How many pages of a range are backed.
    pub(crate) fn backed_in(&self, range: Range<usize>) -> usize {
        range.step_by(PAGE).filter(|page| self.backed.contains_key(page)).count()
    }

    fn discard(&mut self, range: Range<usize>) {
        if range.len() / PAGE > self.backed.len() {
            return self.backed.retain(|page, _| !range.contains(page));
        }
        for page in range.step_by(PAGE) {
            self.backed.remove(&page);
        }
    }
}

impl System for Pretend {
    type Span = PretendSpan;

    fn page_size(&self) -> usize {
        PAGE
    }

    fn address_space(&self) -> usize {
        self.state().addresses.as_ref().map_or(0, |addresses| addresses.range().end)
    }

    fn reserve(&self, wanted: Wanted) -> Result<PretendSpan, i32> {
        let mut state = self.call(Call::Reserve(wanted.len))?;
        let addresses = state.addresses.as_mut().ok_or(NO_MEMORY)?;
        let areas = [(0, wanted.len.next_multiple_of(wanted.align))];
        let base = addresses.place(&areas, wanted.align).map_err(|_| NO_MEMORY)?;
        state.spans.insert(base, wanted.len);
        Ok(PretendSpan { system: self.clone(), base, len: wanted.len })
    }
}

impl PretendSpan {
    fn addresses(&self, range: Range<usize>) -> Range<usize> {
        assert!(range.start <= range.end && range.end <= self.len, "a part of the span");
        assert!(range.start.is_multiple_of(PAGE) && range.end.is_multiple_of(PAGE), "pages");
        self.base + range.start..self.base + range.end
    }
}

impl Span for PretendSpan {
    fn base(&self) -> usize {
        self.base
    }

    fn populate(&self, range: Range<usize>) -> Result<(), i32> {
        let range = self.addresses(range);
        let mut state = self.system.call(Call::Populate(range.clone()))?;
        for page in range.step_by(PAGE) {
            // As where pages are written to: whoever uses this one sees it.
            if let Some(held) = state.backed.entry(page).or_default() {
                held[0] = 0;
            }
        }
        Ok(())
    }

    fn discard(&self, range: Range<usize>) -> Result<(), i32> {
        let range = self.addresses(range);
        self.system.call(Call::Discard(range.clone()))?.discard(range);
        Ok(())
    }

    fn bind(&self, range: Range<usize>, node: NodeId) -> Result<(), i32> {
        let range = self.addresses(range);
        self.system.call(Call::Bind(range.clone(), node))?.bound.push((range, node));
        Ok(())
    }
}

impl Drop for PretendSpan {
    fn drop(&mut self) {
        let mut state = self.system.state();
        let range = self.base..self.base + self.len;
        state.spans.remove(&self.base);
        let known = state.addresses.as_mut().is_some_and(|space| space.remove(self.base));
        assert!(known, "reserved before");
        state.discard(range.clone());
        state.bound.retain(|(bound, _)| !range.contains(&bound.start));
    }
}
