//! This-CPU operations on words: the loops and choices around the sections.
//!
//! ```text
//!   inc ──> static resolved? ──> fast path open? ──yes──> section commits
//!              │ no                    │ no                 (retries by itself)
//!              └─ resolve it             └─ admit the thread ──> retry the section
//!                                                          └──> portable body
//! ```
//!
//! The kernel's `this_cpu_*` family. Two names differ on purpose: `fetch_add`
//! returns the old value as Rust's atomics do, `add_return` the new one as the
//! kernel does.

use crate::copies::Copies;
use crate::element::Element;
use crate::home::Source;
use crate::index::Index;
use crate::inject::{self, Point};
use crate::ops::{self, BitWord, IntWord, Word};
use crate::place::Place;
use crate::process::{self, Admission};

/// Where an operation's word lives.
pub(crate) trait Target<W>: Sized {
    /// The place; resolves a static at its first use.
    fn resolve(&self) -> Place<'_, W>;
    /// What inactive units count as.
    fn source(&self) -> Source;
}

impl<W> Target<W> for Copies<W> {
    #[inline(always)]
    fn resolve(&self) -> Place<'_, W> {
        self.home.resolved()
    }
    fn source(&self) -> Source {
        self.home.source()
    }
}

impl<W> Target<W> for Element<'_, W> {
    #[inline(always)]
    fn resolve(&self) -> Place<'_, W> {
        self.place
    }
    fn source(&self) -> Source {
        self.source
    }
}

/// Runs the section, or what the cold path says.
#[inline(always)]
fn run<W, R>(
    target: &impl Target<W>,
    section: impl Fn(Place<'_, W>, Index) -> Option<R>,
    atomic: impl Fn(&W) -> R,
) -> R {
    let place = target.resolve();
    match inject::around(|| section(place, Index::Cpu)) {
        Some(result) => result,
        None => cold(place, section, atomic),
    }
}

/// As `run`, for copies of any type.
#[inline(always)]
pub(crate) fn run_at<T, R>(
    place: Place<'_, T>,
    section: impl Fn(Place<'_, T>, Index) -> Option<R>,
    atomic: impl Fn(&T) -> R,
) -> R {
    match inject::around(|| section(place, Index::Cpu)) {
        Some(result) => result,
        None => cold(place, section, atomic),
    }
}

/// The fast path is closed: opens it, or goes round it.
#[cold]
#[inline(never)]
fn cold<W, R>(
    place: Place<'_, W>,
    section: impl Fn(Place<'_, W>, Index) -> Option<R>,
    atomic: impl Fn(&W) -> R,
) -> R {
    loop {
        inject::at(Point::Cold);
        // What a process by concurrency id does each time; closed in any other.
        if let Some(result) = inject::around(|| section(place, Index::Cid)) {
            return result;
        }
        match process::admit(place) {
            Admission::Atomic(word) => return atomic(word),
            Admission::Retry => {
                if let Some(result) = inject::around(|| section(place, Index::Cpu)) {
                    return result;
                }
            }
        }
    }
}

/// For sections that only say whether they committed.
#[inline(always)]
fn done(committed: bool) -> Option<()> {
    committed.then_some(())
}

/// What the words of all units add up to, active or not.
fn total<W: IntWord>(target: &impl Target<W>) -> W::Value {
    let mut sum = W::from_bits(0);
    let idle = target.source().survey(target.resolve(), |word| sum = W::plus(sum, word.get()));
    match idle.value.map(W::get).filter(|&value| value != W::from_bits(0)) {
        Some(value) => (0..idle.count).fold(sum, |sum, _| W::plus(sum, value)),
        None => sum,
    }
}

macro_rules! operations {
    ($Target:ident $(<$life:lifetime>)?) => {
        /// # Words
        ///
        /// Every operation changes this CPU's copy in one commit: no lock, no
        /// lock prefix, no system call. A signal handler may use them too, once
        /// the word was used outside of one. Relaxed: an operation orders
        /// nothing but itself.
        ///
        /// # Panics
        /// Each, on the first use of per-CPU memory, if the system refuses it.
        impl<W: Word> $Target<$($life,)? W> {
            /// This CPU's value.
            #[doc(alias = "this_cpu_read")]
            #[inline]
            pub fn load(&self) -> W::Value {
                run(self, move |at, by| ops::here(at, by).map(W::get), W::get)
            }

            /// Replaces this CPU's value.
            #[doc(alias = "this_cpu_write")]
            #[inline]
            pub fn store(&self, value: W::Value) {
                run(self, move |at, by| done(ops::store(at, value, by)), move |word| word.put(value))
            }

            /// Replaces this CPU's value and returns the old one.
            #[doc(alias = "this_cpu_xchg")]
            #[inline]
            pub fn swap(&self, value: W::Value) -> W::Value {
                run(self, move |at, by| ops::swap(at, value, by), move |word| word.exchange(value))
            }

            /// Replaces this CPU's value if it is `current`.
            ///
            /// # Errors
            /// The value found, if it was another.
            #[doc(alias = "this_cpu_cmpxchg")]
            #[doc(alias = "this_cpu_try_cmpxchg")]
            #[inline]
            pub fn compare_exchange(
                &self,
                current: W::Value,
                new: W::Value,
            ) -> Result<W::Value, W::Value> {
                run(
                    self,
                    move |at, by| ops::compare_exchange(at, current, new, by),
                    move |word| word.exchange_if(current, new),
                )
            }
        }

        impl<W: BitWord> $Target<$($life,)? W> {
            /// `value &= n` on this CPU.
            #[doc(alias = "this_cpu_and")]
            #[inline]
            pub fn and(&self, n: W::Value) {
                run(self, move |at, by| done(ops::and(at, n, by)), move |word| { BitWord::and(word, n); })
            }

            /// `value |= n` on this CPU.
            #[doc(alias = "this_cpu_or")]
            #[inline]
            pub fn or(&self, n: W::Value) {
                run(self, move |at, by| done(ops::or(at, n, by)), move |word| { BitWord::or(word, n); })
            }

            /// `value ^= n` on this CPU.
            #[inline]
            pub fn xor(&self, n: W::Value) {
                run(self, move |at, by| done(ops::xor(at, n, by)), move |word| { BitWord::xor(word, n); })
            }

            /// As [`and`](Self::and); returns the old value.
            #[inline]
            pub fn fetch_and(&self, n: W::Value) -> W::Value {
                run(self, move |at, by| ops::fetch_and(at, n, by), move |word| BitWord::and(word, n))
            }

            /// As [`or`](Self::or); returns the old value.
            #[inline]
            pub fn fetch_or(&self, n: W::Value) -> W::Value {
                run(self, move |at, by| ops::fetch_or(at, n, by), move |word| BitWord::or(word, n))
            }

            /// As [`xor`](Self::xor); returns the old value.
            #[inline]
            pub fn fetch_xor(&self, n: W::Value) -> W::Value {
                run(self, move |at, by| ops::fetch_xor(at, n, by), move |word| BitWord::xor(word, n))
            }
        }

        /// # Integers
        ///
        /// Arithmetic wraps in the word's own width. The sum over all units is
        /// exact as soon as the additions it should see have returned.
        impl<W: IntWord> $Target<$($life,)? W> {
            /// Adds `n` on this CPU.
            ///
            /// # Performance
            /// Two to three plain adds to thread-local memory, half an uncontended
            /// atomic add, and it does not get dearer when other CPUs add too. On
            /// some CPUs [`inc`](Self::inc) is cheaper.
            #[doc(alias = "this_cpu_add")]
            #[inline]
            pub fn add(&self, n: W::Value) {
                run(self, move |at, by| done(ops::add(at, n, by)), move |word| { IntWord::add(word, n); })
            }

            /// Subtracts `n` on this CPU.
            #[doc(alias = "this_cpu_sub")]
            #[inline]
            pub fn sub(&self, n: W::Value) {
                self.add(W::negate(n));
            }

            /// Adds one on this CPU: two to three plain adds to thread-local memory.
            #[doc(alias = "this_cpu_inc")]
            #[inline]
            pub fn inc(&self) {
                run(self, move |at, by| done(ops::inc(at, by)), move |word| { IntWord::add(word, W::ONE); })
            }

            /// Subtracts one on this CPU, at the cost of [`inc`](Self::inc).
            #[doc(alias = "this_cpu_dec")]
            #[inline]
            pub fn dec(&self) {
                let minus_one = W::negate(W::ONE);
                run(self, move |at, by| done(ops::dec(at, by)), move |word| { IntWord::add(word, minus_one); })
            }

            /// Adds `n` on this CPU and returns the old value.
            #[inline]
            pub fn fetch_add(&self, n: W::Value) -> W::Value {
                run(self, move |at, by| ops::fetch_add(at, n, by), move |word| IntWord::add(word, n))
            }

            /// Subtracts `n` on this CPU and returns the old value.
            #[inline]
            pub fn fetch_sub(&self, n: W::Value) -> W::Value {
                self.fetch_add(W::negate(n))
            }

            /// Adds `n` on this CPU and returns the new value.
            #[doc(alias = "this_cpu_add_return")]
            #[inline]
            pub fn add_return(&self, n: W::Value) -> W::Value {
                W::plus(self.fetch_add(n), n)
            }

            /// Subtracts `n` on this CPU and returns the new value.
            #[doc(alias = "this_cpu_sub_return")]
            #[inline]
            pub fn sub_return(&self, n: W::Value) -> W::Value {
                self.add_return(W::negate(n))
            }

            /// Adds one on this CPU and returns the new value.
            #[doc(alias = "this_cpu_inc_return")]
            #[inline]
            pub fn inc_return(&self) -> W::Value {
                self.add_return(W::ONE)
            }

            /// Subtracts one on this CPU and returns the new value.
            #[doc(alias = "this_cpu_dec_return")]
            #[inline]
            pub fn dec_return(&self) -> W::Value {
                self.add_return(W::negate(W::ONE))
            }

            /// The wrapping sum over every unit, the shared one included. A
            /// unit that nobody has used counts with its initial value.
            ///
            /// Exact for additions that have returned and are ordered before;
            /// those still running are counted or not. For a word that only
            /// grows, sums taken one after the other never go down.
            ///
            /// # Performance
            /// One load for each unit in use.
            pub fn sum(&self) -> W::Value {
                total(self)
            }
        }
    };
}

operations!(Copies);
operations!(Element<'_>);
