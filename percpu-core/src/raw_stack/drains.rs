//! Who takes from a unit afar: drains, and what closes a stack.

use crate::atomic::Ordering;
use crate::error::Error;
use crate::fence;
use crate::inject::{self, Point};
use crate::mutate::{mutated, order};
use crate::ops::portable_stack::Locked;
use crate::process;
use crate::raw_stack::operations::RawStack;
use crate::stack_copy::{STOPPED, StackRef};
use crate::sys::nesting;
use crate::unit::Unit;

impl RawStack {
    /// Takes every item of `unit`, from the top, and gives it to `f`. The unit's
    /// own operations are refused meanwhile.
    ///
    /// # Errors
    /// [`Error::FenceRefused`]; nothing was taken.
    ///
    /// # Panics
    /// If `f` does: the unit is opened, and has the items that `f` was not given.
    /// In debug builds if `f` drains this stack again, which deadlocks otherwise.
    pub fn drain_unit(&self, unit: Unit, mut f: impl FnMut(u64)) -> Result<(), Error> {
        self.alone(unit, |take| {
            while let Some(bits) = take() {
                f(bits);
            }
        })
    }

    /// Takes items of `unit`, as many as `out` has room for, from the top; returns how
    /// many.
    ///
    /// # Errors
    /// [`Error::FenceRefused`]; nothing was taken.
    pub fn drain_into(&self, unit: Unit, out: &mut [u64]) -> Result<usize, Error> {
        let mut count = 0;
        self.alone(unit, |take| {
            while let Some((out, bits)) = out.get_mut(count).and_then(|out| Some((out, take()?))) {
                *out = bits;
                count += 1;
            }
        })?;
        Ok(count)
    }

    /// Takes every item of every unit and gives it to `f`. Nobody else has the stack, so
    /// no section is in flight here, and none needs a fence.
    ///
    /// # Panics
    /// If `f` does: the stack has the items that `f` was not given.
    pub fn drain_mut(&mut self, mut f: impl FnMut(u64)) {
        let closed = *self.0.drains.lock();
        for unit in Unit::all().into_iter().flatten() {
            let Some(stack) = self.0.area.on(unit.index()) else { continue };
            if !process::has_sections(unit.index()) {
                let mut locked = Locked::lock(stack);
                while let Some(bits) = locked.take() {
                    f(bits);
                }
                continue;
            }
            // Closed, it is stopped already; or became active since, and is empty.
            let _stopped = (!closed).then(|| {
                stop(stack);
                Stop(stack)
            });
            while let Some(bits) = take(stack) {
                f(bits);
            }
        }
    }

    /// Runs `f`, which may take items from the top, while nobody else changes the unit's
    /// stack.
    fn alone(
        &self,
        unit: Unit,
        f: impl FnOnce(&mut dyn FnMut() -> Option<u64>),
    ) -> Result<(), Error> {
        let _nested = nesting::enter(self);
        let closed = (!mutated("stack_drains_together")).then(|| self.0.drains.lock());
        let Some(stack) = self.0.area.on(unit.index()) else { return Ok(()) };
        if !process::has_sections(unit.index()) {
            let mut locked = Locked::lock(stack);
            f(&mut || locked.take());
            return Ok(());
        }
        // If it is closed the unit is stopped, or became active since, and is empty.
        let open = closed.as_ref().is_none_or(|closed| !**closed);
        let _stopped = if open { Some(Stop::new(stack, unit)?) } else { None };
        f(&mut || take(stack));
        Ok(())
    }

    /// Refuses pushes from now on, on every unit, and pops where sections run: what is
    /// left can only be drained. For good; a second time does nothing.
    ///
    /// # Errors
    /// [`Error::FenceRefused`]; the stack is as before.
    pub fn close(&self) -> Result<(), Error> {
        let _nested = nesting::enter(self);
        let mut closed = self.0.drains.lock();
        if *closed {
            return Ok(());
        }
        let limit = self.0.area.update_limit(|_| (!mutated("stack_close_limit")).then_some(0));
        if let Err(error) = self.stop_all() {
            self.active().for_each(|stack| drop(Stop(stack)));
            self.0.area.update_limit(|_| limit);
            return Err(error);
        }
        *closed = true;
        Ok(())
    }

    /// Until every unit where sections may have pushed is stopped, and whoever had a
    /// lock of another has left.
    fn stop_all(&self) -> Result<(), Error> {
        let units = &process::get_or_panic().units;
        // Whoever finds a unit active that was not sees the limit (D4).
        units.settle();
        self.stop_active();
        loop {
            if !mutated("stack_close_no_fence") {
                fence::all()?;
            }
            // Whose mark was lost, and what became active before the fence's end, may
            // have been pushed to.
            if mutated("stack_close_once") || self.stop_active() {
                break;
            }
        }
        if mutated("stack_close_no_wait") {
            return Ok(());
        }
        let others = Unit::all()?.filter(|unit| !process::has_sections(unit.index()));
        others
            .filter_map(|unit| self.0.area.on(unit.index()))
            .for_each(|stack| drop(Locked::lock(stack)));
        Ok(())
    }

    /// Marks all active units with sections; whether all were.
    fn stop_active(&self) -> bool {
        self.active().filter(|&stack| !stop(stack)).count() == 0
    }

    /// The stacks of active units with sections.
    fn active(&self) -> impl Iterator<Item = StackRef<'_>> {
        let units = Unit::all().into_iter().flatten();
        let units = units.filter(|unit| process::has_sections(unit.index()));
        units.filter_map(|unit| self.0.area.on(unit.index()))
    }
}

/// The item on top. The caller has stopped the unit (D1).
fn take(stack: StackRef<'_>) -> Option<u64> {
    // Relaxed, all of them: nobody else changes the unit.
    let top = stack.len().checked_sub(1)?;
    let word = stack.head().word.load(Ordering::Relaxed);
    assert_eq!(word, top + 1 + STOPPED, "somebody else changes a stopped unit");
    stack.look();
    let bits = stack.slot(top).load(Ordering::Relaxed);
    stack.head().word.store(top | STOPPED, Ordering::Relaxed);
    Some(bits)
}

/// Marks the unit: sections that start after the next fence leave, unless one that is
/// under way commits over the mark. Whether it was marked.
fn stop(stack: StackRef<'_>) -> bool {
    // Relaxed: the fence orders it before every section that starts later, and after
    // those that ended.
    stack.head().word.fetch_or(STOPPED, Ordering::Relaxed) & STOPPED != 0
}

/// A stopped unit with sections: opened when this is dropped.
struct Stop<'a>(StackRef<'a>);

impl<'a> Stop<'a> {
    fn new(stack: StackRef<'a>, unit: Unit) -> Result<Self, Error> {
        // Opened again by drop, also if the fence is refused.
        let stopped = Self(stack);
        let late = mutated("stack_stop_after_fence");
        if !late {
            stop(stack);
        }
        inject::at(Point::Stopped);
        loop {
            if !mutated("stack_no_fence") {
                fence::unit(unit)?;
            }
            // The mark must have been there all the time.
            if mutated("stack_stop_lost") || stop(stack) || late {
                inject::at(Point::Fenced);
                return Ok(stopped);
            }
        }
    }
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        inject::at(Point::Taken);
        // Release: what was loaded from the slots comes before sections' stores there.
        let opened = order(Ordering::Release, "stack_opened_relaxed");
        self.0.head().word.fetch_and(!STOPPED, opened);
    }
}
