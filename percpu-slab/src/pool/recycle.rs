//! [`Recycle`]: what is done with a value that comes back.

use core::fmt;

/// What is done with a value that comes back to its pool.
///
/// [`PoolBuilder::reset`](super::PoolBuilder::reset) and
/// [`keep_if`](super::PoolBuilder::keep_if) make one of a closure. A type of one's own
/// has a name, for a field that holds the pool, and can be inlined as a closure is:
///
/// ```
/// use percpu_slab::Pool;
/// use percpu_slab::pool::Recycle;
///
/// struct Small;
///
/// impl Recycle<Vec<u8>> for Small {
///     fn recycle(&self, buf: &mut Vec<u8>) -> bool {
///         buf.clear();
///         buf.capacity() <= 1 << 16
///     }
/// }
///
/// struct Server {
///     buffers: Pool<Vec<u8>, Small>,
/// }
///
/// let server = Server { buffers: Pool::builder(Vec::new).recycle(Small).build()? };
/// drop(server.buffers.get());
/// # Ok::<(), percpu_slab::Error>(())
/// ```
pub trait Recycle<T> {
    /// Makes `value` ready for its next user, or says that there is to be none:
    /// `false`, and it is dropped. So it is if this panics.
    fn recycle(&self, value: &mut T) -> bool;
}

/// Values come back as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsIs;

impl<T> Recycle<T> for AsIs {
    #[inline(always)]
    fn recycle(&self, _: &mut T) -> bool {
        true
    }
}

/// A function that makes values ready, and keeps all of them.
#[derive(Clone, Copy)]
pub struct Reset<F>(pub F);

impl<T, F: Fn(&mut T)> Recycle<T> for Reset<F> {
    #[inline(always)]
    fn recycle(&self, value: &mut T) -> bool {
        (self.0)(value);
        true
    }
}

/// A function that makes values ready, and says which are kept.
#[derive(Clone, Copy)]
pub struct KeepIf<F>(pub F);

impl<T, F: Fn(&mut T) -> bool> Recycle<T> for KeepIf<F> {
    #[inline(always)]
    fn recycle(&self, value: &mut T) -> bool {
        (self.0)(value)
    }
}

impl<F> fmt::Debug for Reset<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reset")
    }
}

impl<F> fmt::Debug for KeepIf<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeepIf")
    }
}
