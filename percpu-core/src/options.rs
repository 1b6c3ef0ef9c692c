//! [`AllocOptions`]: how one allocation is to be made.

use core::fmt;
use core::marker::PhantomData;

use crate::area::request::{Region, Request};
use crate::error::Error;
use crate::per_cpu::PerCpu;
use crate::unit::Unit;
use crate::zeroable::Zeroable;

/// How one allocation is to be made; from [`PerCpu::options`].
///
/// ```
/// use percpu_core::{Error, PerCpu, atomic::AtomicU64};
/// match PerCpu::<AtomicU64>::options().nonblocking().zeroed() {
///     Ok(word) => word.inc(),
///     Err(Error::WouldBlock { .. }) => println!("later, after balance()"),
///     Err(error) => return Err(error),
/// }
/// # Ok::<(), Error>(())
/// ```
#[must_use = "nothing is allocated until `zeroed` or `new_with`"]
pub struct AllocOptions<T> {
    request: Request,
    copies: PhantomData<fn() -> T>,
}

impl<T> Clone for AllocOptions<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for AllocOptions<T> {}

impl<T> fmt::Debug for AllocOptions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AllocOptions").field(&self.request).finish()
    }
}

impl<T> PerCpu<T> {
    /// How the allocation is to be made, where [`zeroed`](Self::zeroed) and
    /// [`new_with`](Self::new_with) do not do.
    pub fn options() -> AllocOptions<T> {
        let request = Request::dynamic(size_of::<T>(), align_of::<T>());
        AllocOptions { request, copies: PhantomData }
    }
}

impl<T> AllocOptions<T> {
    /// Without asking the system for memory: from what is mapped already, and
    /// with [`Backing::Eager`](crate::Backing) backed. Fails more often, never
    /// takes long; [`balance`](crate::balance()) brings memory up for the next.
    #[doc(alias = "GFP_NOWAIT")]
    #[doc(alias = "GFP_ATOMIC")]
    #[doc(alias = "alloc_percpu_gfp")]
    pub fn nonblocking(mut self) -> Self {
        self.request.blocking = false;
        self
    }

    /// From the reserved region and no other; see
    /// [`Config::reserved`](crate::Config::reserved).
    #[doc(alias = "__alloc_reserved_percpu")]
    pub fn reserved(mut self) -> Self {
        self.request.region = Region::Reserved;
        self
    }

    /// Allocates zeroed copies; see [`PerCpu::zeroed`].
    ///
    /// # Errors
    /// As there, and [`Error::WouldBlock`] and [`Error::ReservedFull`] by what was
    /// asked for.
    pub fn zeroed(self) -> Result<PerCpu<T>, Error>
    where
        T: Zeroable,
    {
        PerCpu::zeroed_as(self.request)
    }

    /// Allocates copies made by `init`; see [`PerCpu::new_with`].
    ///
    /// # Errors
    /// As [`zeroed`](Self::zeroed).
    ///
    /// # Panics
    /// If `init` does.
    pub fn new_with(self, init: impl FnMut(Unit) -> T) -> Result<PerCpu<T>, Error>
    where
        T: Send + Sync,
    {
        PerCpu::new_as(self.request, init)
    }
}
