//! [`HeldSlabs`]: slabs that nobody changes, over a fork.

use percpu_core::__raw::MutexGuard;

use super::node::Lists;
use super::slabs::Slabs;

/// Keeps slabs of one node as they are but for frees that need no lock, which are whole
/// at any moment.
#[allow(dead_code, reason = "held, not read")]
pub(crate) struct HeldSlabs<'a>(MutexGuard<'a, Lists>);

impl Slabs {
    /// Takes the lock of the only node.
    pub(crate) fn hold(&self) -> HeldSlabs<'_> {
        debug_assert_eq!(self.nodes(), 1);
        HeldSlabs(self.node(0).lock())
    }
}
