//! Panics of code that is not ours, of which several may come: the first goes on, and
//! none of the others does harm.

use core::any::Any;
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

/// What a panic carries.
#[doc(hidden)]
pub type Panic = Box<dyn Any + Send>;

/// Drops what a panic carried. If that panics in turn, what *that* carries is leaked.
#[doc(hidden)]
pub fn discard(panic: Panic) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        core::mem::forget(again);
    }
}

/// Keeps the panic of an `outcome` if it is the first.
#[doc(hidden)]
pub fn keep_first(first: &mut Option<Panic>, outcome: Result<(), Panic>) {
    match outcome {
        Err(panic) if first.is_none() => *first = Some(panic),
        Err(panic) => discard(panic),
        Ok(()) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    /// Panics when it is dropped.
    struct Unpleasant<'a>(&'a AtomicU32);

    impl Drop for Unpleasant<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
            panic_any("and again");
        }
    }

    #[test]
    fn the_first_is_kept_and_the_others_are_dropped() {
        static DROPS: AtomicU32 = AtomicU32::new(0);
        let mut first = None;
        for n in 0..3_u32 {
            keep_first(&mut first, Ok(()));
            keep_first(&mut first, catch_unwind(|| panic_any(n)));
            keep_first(&mut first, catch_unwind(|| panic_any(Unpleasant(&DROPS))));
        }
        assert_eq!(first.unwrap().downcast_ref(), Some(&0_u32));
        assert_eq!(DROPS.load(Relaxed), 3);
    }
}
