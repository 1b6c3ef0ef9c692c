//! The kernel's names, and the names here.
//!
//! For whoever knows Linux's per-CPU subsystem: each name of its interface, and what
//! to use instead. The search of this documentation knows the names too.
//!
//! | the kernel's | here | what is different |
//! | --- | --- | --- |
//! | **Declared variables** | | |
//! | `DEFINE_PER_CPU` | [`percpu!`](crate::percpu), [`StaticPerCpu`](crate::StaticPerCpu) | |
//! | `DECLARE_PER_CPU`, `EXPORT_PER_CPU_SYMBOL` | `pub static` in [`percpu!`](crate::percpu) | used by its path, as any static |
//! | `DEFINE_PER_CPU_CACHE_HOT`, `DEFINE_PER_CPU_READ_MOSTLY`, `DEFINE_PER_CPU_SHARED_ALIGNED`, `DEFINE_PER_CPU_ALIGNED`, `DEFINE_PER_CPU_PAGE_ALIGNED` | `#[hot]`, `#[read_mostly]`, `#[shared_aligned]`, `#[cache_aligned]`, `#[page_aligned]` in [`percpu!`](crate::percpu) | aligned in plug-ins too |
//! | `DEFINE_PER_CPU_SECTION`, `DEFINE_PER_CPU_FIRST` | the families above | no sections of one's own |
//! | `this_cpu_inc(var.field)` | [`Copies::field`](crate::Copies::field), [`field!`](crate::field!), [`Copies::at`](crate::Copies::at) | |
//! | `percpu_modalloc`, `percpu_modfree` | first use of a plug-in's static, [`unregister_statics!`](crate::unregister_statics) | code stays mapped |
//! | `__percpu` | [`Copies`](crate::Copies) | a type, not an annotation |
//! | `__verify_pcpu_ptr` | the types: a handle is no reference, and made of none | |
//! | `SHIFT_PERCPU_PTR`, `RELOC_HIDE` | inside: no address is computed by a user | |
//! | **Allocated ones** | | |
//! | `alloc_percpu`, `__alloc_percpu` | [`PerCpu::zeroed`](crate::PerCpu::zeroed), [`PerCpu::new_with`](crate::PerCpu::new_with) | size and alignment are the type's |
//! | `free_percpu` | dropping the [`PerCpu`](crate::PerCpu) | on any thread; there is no null |
//! | `__alloc_percpu`, `__alloc_percpu_gfp` with a size of run time | [`PerCpuBytes`](crate::PerCpuBytes); [`PerCpuSlice`](crate::PerCpuSlice) for words | |
//! | `alloc_percpu_gfp`, `__alloc_reserved_percpu` | [`PerCpu::options`](crate::PerCpu::options) | `nonblocking` for `GFP_NOWAIT`, `reserved` |
//! | `pcpu_balance_workfn` | [`balance`](crate::balance()), [`Balancer`](crate::Balancer) | a drop takes its share; no thread unless asked |
//! | `percpu_stats` | [`stats`](crate::stats()) | |
//! | `is_kernel_percpu_address` | [`locate`](crate::locate) | dynamic memory too |
//! | `pcpu_get_vm_areas` | [`AddressSpace`](crate::AddressSpace) | a chunk is one reservation here; for other machines |
//! | **This CPU's word** | | signals count as interrupts |
//! | `this_cpu_read`, `this_cpu_write` | [`Copies::load`](crate::Copies::load), [`Copies::store`](crate::Copies::store) | |
//! | `this_cpu_add`, `this_cpu_sub`, `this_cpu_inc`, `this_cpu_dec` | `add`, `sub`, `inc`, `dec` | |
//! | `this_cpu_add_return`, `this_cpu_sub_return`, `this_cpu_inc_return`, `this_cpu_dec_return` | `add_return`, `sub_return`, `inc_return`, `dec_return` | `fetch_add` and `fetch_sub` return the old value |
//! | `this_cpu_and`, `this_cpu_or` | `and`, `or`; also `xor` | |
//! | `this_cpu_xchg`, `this_cpu_cmpxchg`, `this_cpu_try_cmpxchg` | `swap`, `compare_exchange` | |
//! | `this_cpu_cmpxchg128`, `this_cpu_try_cmpxchg128`, `this_cpu_cmpxchg_double` | [`DoubleWord`](crate::DoubleWord) | never read torn, from any CPU |
//! | `__this_cpu_read`, `__this_cpu_write`, `__this_cpu_add`, `__this_cpu_sub`, `__this_cpu_inc`, `__this_cpu_dec`, `__this_cpu_and`, `__this_cpu_or`, `__this_cpu_add_return`, `__this_cpu_sub_return`, `__this_cpu_inc_return`, `__this_cpu_dec_return`, `__this_cpu_xchg`, `__this_cpu_cmpxchg` | [`Copies::asserted`](crate::Copies::asserted) | names the unit that a guard holds |
//! | `raw_cpu_read`, `raw_cpu_write`, `raw_cpu_add`, `raw_cpu_sub`, `raw_cpu_inc`, `raw_cpu_dec`, `raw_cpu_and`, `raw_cpu_or`, `raw_cpu_add_return`, `raw_cpu_xchg`, `raw_cpu_cmpxchg` | [`Copies::raw`](crate::Copies::raw) | may lose updates |
//! | **Some CPU's copy** | | |
//! | `per_cpu`, `per_cpu_ptr` | [`Copies::on`](crate::Copies::on) | for reading; a remote write has a name that says so |
//! | `this_cpu_ptr`, `raw_cpu_ptr` | [`Copies::hint`](crate::Copies::hint) | maybe stale, so the value synchronises itself |
//! | `per_cpu_offset`, `__per_cpu_offset` | [`Unit::offset`](crate::Unit::offset) | |
//! | `per_cpu_ptr_to_phys` | nothing: a program sees no physical addresses | |
//! | `for_each_possible_cpu` | [`Copies::iter`](crate::Copies::iter), [`Unit::all`](crate::Unit::all), [`Copies::sum`](crate::Copies::sum) | the shared unit comes last |
//! | **Which CPU** | | |
//! | `raw_smp_processor_id` | [`Unit::current`](crate::Unit::current) | a hint |
//! | `get_cpu`, `put_cpu`, `smp_processor_id` | [`LocalLockGuard::unit`](crate::LocalLockGuard::unit) | the copy stays, the thread may move |
//! | `cpu_possible_mask`, `cpu_present_mask`, `cpu_online_mask` | [`Topology::possible`](crate::Topology::possible), `present`, `online` | as of first use |
//! | `cpu_to_node`, `cpumask_of_node`, `node_distance` | [`Topology::node_of`](crate::Topology::node_of), `cpus_of`, `distance` | |
//! | `numa_node_id` | [`current_node`](crate::current_node) | a hint |
//! | `cpuhp_setup_state`, `cpuhp_setup_state_nocalls`, `cpuhp_remove_state` | [`hotplug::State`](crate::hotplug::State) | by hand or polled: no program is told |
//! | **More than a word** | | |
//! | `get_cpu_var`, `put_cpu_var`, `get_cpu_ptr`, `put_cpu_ptr` | [`LocalLock`](crate::LocalLock): `lock`, or `with` | a lock on the copy: others on this CPU wait |
//! | `preempt_disable`, `preempt_enable` | [`LocalLock`](crate::LocalLock) | no program can forbid preemption |
//! | `local_lock_t`, `local_lock_init` | [`LocalLock::new`](crate::LocalLock::new) | the lock holds what it protects |
//! | `local_lock`, `local_unlock`, `local_trylock` | `lock`, dropping the guard, `try_lock` | |
//! | `local_lock_irqsave`, `local_unlock_irqrestore` | `try_lock` in handlers | see [`signal_safety`](crate::signal_safety) |
//! | **Waiting for everyone** | | |
//! | `membarrier`, `synchronize_rcu` | [`fence::all`](crate::fence::all), [`fence::unit`](crate::fence::unit()) | ends sections, not readers |
//! | **The first chunk** | | |
//! | `setup_per_cpu_areas` | [`init`](crate::init()), or first use | |
//! | `percpu_alloc=`, `pcpu_chosen_fc` | `PERCPU_ALLOC`, [`FirstChunk`](crate::FirstChunk) | |
//! | `pcpu_embed_first_chunk`, `pcpu_page_first_chunk` | [`FirstChunk::Embed`](crate::FirstChunk::Embed), [`FirstChunk::Page`](crate::FirstChunk::Page) | |
//! | `pcpu_build_alloc_info`, `pcpu_alloc_info`, `pcpu_group_info` | [`Layout::build`](crate::Layout::build), [`Layout`](crate::Layout), [`Group`](crate::Group) | for any machine |
//! | `pcpu_dump_alloc_info` | `Display` of [`Layout`](crate::Layout) and [`Info`](crate::Info) | the boot log's lines |
//! | `pcpu_nr_units`, `pcpu_unit_offsets` | [`Layout::nr_units`](crate::Layout::nr_units), [`Layout::unit_offset`](crate::Layout::unit_offset) | |
//! | `PERCPU_DYNAMIC_RESERVE`, `PERCPU_MODULE_RESERVE`, `PCPU_MIN_UNIT_SIZE` | [`Sizes`](crate::Sizes), [`Config`](crate::Config) | |
//! | `PCPU_SETUP_BUG_ON` | [`SanityError`](crate::SanityError) | an error, not a panic |
//! | **Built on it** | | |
//! | `percpu_counter`, `percpu_counter_add`, `percpu_counter_sum` | `Counter` of the crate `percpu-counter` | exact |
//! | `percpu_rw_semaphore`, `percpu_down_read`, `percpu_down_write`, `percpu_up_read`, `percpu_up_write` | `PerCpuRwLock` of the crate `percpu-counter`, and its guards | holds what it protects |
//!
//! What the kernel does with preemption or interrupts off is here a restartable
//! sequence if it is one word, and a [`LocalLock`](crate::LocalLock) if it is more.

// Of names whose answer is no item of this crate, or many.
#![doc(alias("DECLARE_PER_CPU", "EXPORT_PER_CPU_SYMBOL", "__verify_pcpu_ptr"))]
#![doc(alias("per_cpu_ptr_to_phys"))]
#![doc(alias("SHIFT_PERCPU_PTR", "RELOC_HIDE", "put_cpu", "preempt_disable", "preempt_enable"))]
#![doc(alias("put_cpu_ptr", "local_lock_init", "local_unlock", "local_lock_irqsave"))]
#![doc(alias("local_unlock_irqrestore", "pcpu_chosen_fc", "pcpu_page_first_chunk"))]
#![doc(alias("percpu_counter", "percpu_counter_add", "percpu_counter_sum"))]
#![doc(alias("percpu_up_read", "percpu_up_write"))]
