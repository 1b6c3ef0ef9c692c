//! The one per-CPU memory of this process, and who may use which unit of it.

mod admission;
mod areas;
mod first_use;
mod instance;
#[cfg(percpu_linux)]
mod over_fork;
mod sections;

pub(crate) use admission::{
    Admission, admit, admitted, current_unit, fallbacks, try_admit, try_admit_any,
};
pub(crate) use areas::{
    alloc, alloc_zeroed, give_back, resolve_static, unregister_statics, zero_inactive,
};
pub(crate) use first_use::{configure, get, get_or_panic};
pub(crate) use instance::{Process, existing};
pub(crate) use sections::{aborts, has_sections, restart_sections};
