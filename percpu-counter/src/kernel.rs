//! The kernel's names, and the names here.
//!
//! For whoever knows Linux's counters, reference counts and locks: each name, and
//! what to use instead. The search of this documentation knows the names too;
//! [`percpu_core::kernel`] has those of the subsystem below.
//!
//! | the kernel's | here | what is different |
//! | --- | --- | --- |
//! | **Counters** (`lib/percpu_counter.c`) | | |
//! | `percpu_counter` | [`ApproxCounter`](crate::ApproxCounter); [`Counter`](crate::Counter), [`Gauge`](crate::Gauge) where a sum will do | 8 bytes a CPU, not 4 |
//! | `percpu_counter_init`, `percpu_counter_batch` | [`ApproxCounter::new`](crate::ApproxCounter::new), [`with_batch`](crate::ApproxCounter::with_batch) | the batch is the counter's, not the system's |
//! | `percpu_counter_init_many` | [`ApproxCounters::new`](crate::ApproxCounters::new) | |
//! | `percpu_counter_add`, `percpu_counter_sub`, `percpu_counter_inc`, `percpu_counter_dec` | `add`, `inc`, `dec` | |
//! | `percpu_counter_add_batch` | [`add_with_batch`](crate::ApproxCounter::add_with_batch) | |
//! | `percpu_counter_add_local`, `percpu_counter_sub_local` | [`add_local`](crate::ApproxCounter::add_local) | |
//! | `percpu_counter_read`, `percpu_counter_read_positive` | [`read`](crate::ApproxCounter::read), [`read_positive`](crate::ApproxCounter::read_positive) | |
//! | `percpu_counter_sum`, `percpu_counter_sum_positive` | [`sum`](crate::ApproxCounter::sum), [`sum_positive`](crate::ApproxCounter::sum_positive) | |
//! | `percpu_counter_compare` | [`compare`](crate::ApproxCounter::compare) | |
//! | `percpu_counter_limited_add` | [`add_limited`](crate::ApproxCounter::add_limited), better [`Budget`](crate::Budget) | always under the lock |
//! | `percpu_counter_set` | [`set`](crate::ApproxCounter::set) | exact beside additions |
//! | `percpu_counter_sync` | [`sync`](crate::ApproxCounter::sync) | |
//! | `percpu_counter_cpu_dead` | [`fold_on`](crate::ApproxCounter::fold_on) | of a CPU that runs, too; nobody calls it by itself |
//! | `u64_stats_sync` | [`CounterSet`](crate::CounterSet) | a lock on the CPU's copy |
//! | `page_counter_try_charge`, `page_counter_set_max`, `page_counter_read` | [`Budget`](crate::Budget): [`try_charge`](crate::Budget::try_charge), [`set_limit`](crate::Budget::set_limit), [`used`](crate::Budget::used) | exact, with stocks |
//! | **Reference counts** (`lib/percpu-refcount.c`) | | |
//! | `percpu_ref`, `percpu_ref_init` | [`PerCpuRef`](crate::PerCpuRef) | holds what it counts the users of |
//! | `percpu_ref_get`, `percpu_ref_get_many`, `percpu_ref_put` | [`get`](crate::PerCpuRef::get), dropping the [`Ref`](crate::Ref) | |
//! | `percpu_ref_tryget`, `percpu_ref_tryget_live` | `try_get`, `try_get_live` | |
//! | `percpu_ref_kill`, `percpu_ref_kill_and_confirm` | `kill`, `kill_and_confirm` | may be refused, with the fence |
//! | `percpu_ref_switch_to_atomic`, `percpu_ref_switch_to_atomic_sync`, `percpu_ref_switch_to_percpu` | `switch_to_atomic`, `switch_to_percpu` | always synchronous: a fence takes microseconds |
//! | `percpu_ref_reinit`, `percpu_ref_resurrect` | `reinit`, `resurrect` | |
//! | `percpu_ref_is_zero`, `percpu_ref_is_dying`, `percpu_ref_exit` | `is_zero`, `is_dying`; dropping the owner | |
//! | **Reader-writer locks** (`kernel/locking/percpu-rwsem.c`) | | |
//! | `percpu_rw_semaphore`, `percpu_init_rwsem` | [`PerCpuRwLock`](crate::PerCpuRwLock) | holds what it protects |
//! | `percpu_down_read`, `percpu_down_read_trylock`, `percpu_up_read` | `read`, `try_read`, dropping the guard | |
//! | `percpu_down_write`, `percpu_up_write` | `write`, dropping the guard | the fence takes microseconds, not a grace period |
//! | `percpu_is_read_locked`, `percpu_is_write_locked` | `is_locked`, `is_locked_exclusive` | |
//! | `rcu_sync` | inside: writers close together share a fence | |
//! | **Read sections** (SRCU) | | |
//! | `srcu_struct` | [`Domain`](crate::Domain) | |
//! | `srcu_read_lock`, `srcu_read_unlock` | [`read`](crate::Domain::read), dropping the guard | |
//! | `synchronize_srcu`, `call_srcu`, `srcu_barrier` | [`synchronize`](crate::Domain::synchronize), [`defer`](crate::Domain::defer), [`barrier`](crate::Domain::barrier) | |
