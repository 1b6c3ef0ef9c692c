//! How changes are told: by hand, or by a look at sysfs.

use std::path::Path;

use crate::cpu::CpuId;
use crate::error::Error;
use crate::hotplug::error::HotplugError;
use crate::hotplug::state::states;
use crate::hotplug::states::Changes;
use crate::process;
use crate::sys::CpuSet;
use crate::sys::topology_sysfs;
use crate::unit::Unit;

/// The CPUs that are online, as far as this process was told: those at first use,
/// and the changes since.
///
/// # Errors
/// On first use, [`HotplugError::Core`] if per-CPU memory cannot be set up.
#[doc(alias = "cpu_online_mask")]
#[doc(alias = "for_each_online_cpu")]
#[doc(alias = "num_online_cpus")]
pub fn online() -> Result<CpuSet, HotplugError> {
    Ok(states()?.online_cpus())
}

/// Says that a CPU came online: runs the `online` callbacks in order of
/// registration. Whether it was offline before; if not, nothing runs.
///
/// # Errors
/// [`HotplugError::Setup`] of the first callback that fails. Those before it are
/// undone by their `offline`, the last first, and the CPU counts as offline.
/// [`HotplugError::Core`] for a CPU that is not possible, [`HotplugError::Nested`]
/// in a callback.
///
/// # Panics
/// If a callback does; it is undone as for an error.
#[doc(alias = "cpu_up")]
#[doc(alias = "cpuhp_online")]
pub fn notify_online(cpu: CpuId) -> Result<bool, HotplugError> {
    unit_of(cpu)?;
    states()?.bring_up(cpu)
}

/// Says that a CPU went offline: runs the `offline` and `drain` callbacks, the state
/// registered last first. Whether it was online before; if not, nothing runs.
/// By [`Index::Cid`](crate::Index::Cid) no unit goes with a CPU, and no `drain` runs.
///
/// # Errors
/// [`HotplugError::Core`] for a CPU that is not possible,
/// [`HotplugError::Nested`] in a callback.
///
/// # Panics
/// If a callback does, after the others have run.
#[doc(alias = "cpu_down")]
#[doc(alias = "cpuhp_dead")]
pub fn notify_offline(cpu: CpuId) -> Result<bool, HotplugError> {
    let unit = unit_of(cpu)?;
    let changed = states()?.take_down(cpu, unit);
    unit.into_iter().for_each(take_back);
    changed
}

/// Runs the `drain` callbacks for a unit, the state registered last first, and takes
/// back the areas that the allocator keeps for it. For CPUs
/// that this process will not run on any more, or to have all memory back; the
/// CPU counts as online or offline as before.
///
/// # Errors
/// [`HotplugError::Nested`] in a callback.
///
/// # Panics
/// If a callback does, after the others have run.
pub fn drain(unit: Unit) -> Result<(), HotplugError> {
    let drained = states()?.drain(unit);
    take_back(unit);
    drained
}

/// What this crate keeps for a unit: small areas for its next allocations. After
/// the callbacks, which may have freed some.
fn take_back(unit: Unit) {
    if let Some(process) = process::existing() {
        process.memory.drain(unit.index());
    }
}

/// Reads which CPUs are online, and does what [`notify_offline`] and
/// [`notify_online`] do for those that went and came since. CPUs that are not
/// possible are left out.
///
/// A CPU that cannot be set up is in [`Changes::failed`]; the others are done.
///
/// # Errors
/// [`HotplugError::Unreadable`] if sysfs does not tell; it is for Linux alone.
/// [`HotplugError::Nested`] in a callback.
///
/// # Panics
/// If a callback does, after all CPUs were done.
///
/// # Performance
/// Reads one file, `/sys/devices/system/cpu/online`.
pub fn poll() -> Result<Changes, HotplugError> {
    poll_from(Path::new("/sys"))
}

/// As [`poll`], with a sysfs mounted at `root`.
///
/// # Errors
/// As [`poll`].
pub fn poll_from(root: &Path) -> Result<Changes, HotplugError> {
    let possible = process::get()?.topology.possible();
    let read = || match topology_sysfs::read_online(root) {
        Ok(online) => Ok(online.intersection(possible)),
        Err(error) => Err(HotplugError::Unreadable(error)),
    };
    let unit_of = |cpu| unit_of(cpu).ok().flatten();
    let changes = states()?.poll(read, unit_of)?;
    changes.offline.iter().filter_map(unit_of).for_each(take_back);
    Ok(changes)
}

/// The unit that goes with a CPU: none where units are concurrency ids'.
fn unit_of(cpu: CpuId) -> Result<Option<Unit>, Error> {
    match Unit::try_from(cpu) {
        Err(Error::NoUnitOfCpu { .. }) => Ok(None),
        unit => unit.map(Some),
    }
}
