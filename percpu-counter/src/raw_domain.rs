//! What caches build on beside [`Domain`]; no promise is made about it.

use crate::callbacks::GracePeriod;
use crate::domain::Domain;

/// Begins a section that no guard ends: what to give to `leave`, once, on any thread.
#[inline(always)]
pub fn enter(domain: &Domain) -> usize {
    domain.grace.enter()
}

/// Ends a section that `enter` of this domain began.
#[inline(always)]
pub fn leave(domain: &Domain, which: usize) {
    domain.grace.leave(which);
}

/// As [`Domain::start`], but only asks: nothing is done for it here.
pub fn ask(domain: &Domain) -> GracePeriod {
    let ticket = domain.grace.ticket();
    domain.deferred.want(ticket);
    GracePeriod(ticket)
}
