//! Where this thread runs: its CPU and node, as of a moment ago.

use crate::cpu::CpuId;
use crate::error::Error;
use crate::process::{self, Process};
use crate::sys::NodeId;

/// The CPU this thread was on a moment ago, whether it has restartable sequences
/// or not. A hint: the thread may move at any time.
///
/// In portable mode this is not the CPU of [`Unit::current`](crate::Unit::current):
/// there threads work on units by turns, wherever they run.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// let cpu = percpu_core::current_cpu()?;
/// assert!(percpu_core::info()?.topology().possible().contains(cpu));
/// # }
/// # Ok::<(), percpu_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::NoCurrentCpu`] where the system does not tell, which is everywhere
/// but on Linux. On first use, if per-CPU memory cannot be set up.
///
/// # Performance
/// A few loads for a registered thread. Else `sched_getcpu`, which is no system call
/// on most machines.
#[doc(alias = "raw_smp_processor_id")]
#[doc(alias = "smp_processor_id")]
#[doc(alias = "getcpu")]
pub fn current_cpu() -> Result<CpuId, Error> {
    ask(process::get()?).ok_or(Error::NoCurrentCpu)
}

/// The node of the CPU this thread was on a moment ago, by the table of the
/// topology. A hint, as [`current_cpu`] is.
///
/// ```
/// let node = percpu_core::current_node();
/// if let Ok(node) = node {
///     assert!(percpu_core::info()?.topology().cpus_of(node).is_some());
/// }
/// # Ok::<(), percpu_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::UnknownCpu`] on a CPU that the topology leaves out. Where there is
/// more than one node, as [`current_cpu`].
///
/// # Performance
/// As [`current_cpu`], and two loads.
#[doc(alias = "numa_node_id")]
#[doc(alias = "numa_mem_id")]
pub fn current_node() -> Result<NodeId, Error> {
    let process = process::get()?;
    match (ask(process), process.topology.nodes().next()) {
        (Some(cpu), _) => process.topology.node_of(cpu).ok_or(Error::UnknownCpu { cpu }),
        // Whichever CPU it is.
        (None, Some(only)) if process.topology.nodes().len() == 1 => Ok(only),
        (None, _) => Err(Error::NoCurrentCpu),
    }
}

fn ask(process: &Process) -> Option<CpuId> {
    #[cfg(percpu_rseq)]
    if process.mode.is_rseq() {
        if let Some(cpu) = crate::sys::rseq::current_cpu(process.index) {
            return Some(CpuId::new(cpu));
        }
    }
    #[cfg(percpu_linux)]
    {
        let _ = process;
        crate::sys::getcpu::current_cpu().map(CpuId::new)
    }
    // A model's threads are on pretend CPUs.
    #[cfg(percpu_loom)]
    {
        process.units.cpu(crate::model::state::current().cpu())
    }
    #[cfg(not(any(percpu_linux, percpu_loom)))]
    {
        let _ = process;
        None
    }
}
