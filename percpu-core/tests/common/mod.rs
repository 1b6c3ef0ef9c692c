//! What the integration tests share: children with other settings, storms of
//! signals and migrations.
//!
//! # Safety
//!
//! Plain system calls on this process's own threads; a handler that only adds
//! to per-CPU words, which is allowed in handlers.

#![allow(unsafe_code, dead_code, missing_docs, unreachable_pub)]

#[cfg(target_os = "linux")]
pub mod filter;
pub mod references;
pub mod tokens;

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The settings every stress test must hold under.
pub const MODES: [(&str, &[(&str, &str)]); 5] = [
    ("as it comes", &[]),
    ("own registration", &[("GLIBC_TUNABLES", "glibc.pthread.rseq=0")]),
    // By CPU where the kernel has no concurrency ids: the child's line tells.
    (BY_ID, &[("PERCPU_INDEX", "cid")]),
    ("portable", &[("PERCPU_MODE", "portable")]),
    (
        "portable without libc's rseq",
        &[("PERCPU_MODE", "portable"), ("GLIBC_TUNABLES", "glibc.pthread.rseq=0")],
    ),
];

const BY_ID: &str = "by concurrency id";

/// What the modes set.
const SETTINGS: [&str; 3] = ["GLIBC_TUNABLES", "PERCPU_MODE", "PERCPU_INDEX"];

/// How often Miri does what is done thousands of times elsewhere.
const FEW: u64 = 20;

/// Whether this process finds units by CPU, with sections.
pub fn by_cpu() -> bool {
    let info = percpu_core::info().unwrap();
    info.mode().is_rseq() && info.index() == percpu_core::Index::Cpu
}

/// Tells the others that it is over when it is dropped. A scope that is left by a panic
/// waits for its threads: a test that fails would hang.
pub struct Over<'a>(pub &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// `count`, or the part of it that `PERCPU_TEST_SCALE` asks for (`0.02`): an
/// emulated machine would take hours for what this one does in a minute, and Miri
/// days: there it is at most a few.
pub fn scaled(count: u64) -> u64 {
    let Some(scale) = std::env::var_os("PERCPU_TEST_SCALE") else {
        return if cfg!(miri) { count.min(FEW) } else { count };
    };
    let scale: f64 = scale.to_str().and_then(|text| text.parse().ok()).expect("PERCPU_TEST_SCALE");
    ((count as f64 * scale) as u64).max(1)
}

/// When a thread that starts now ends: in the scaled part of `millis`, but in 100 at least
/// if there are so many. Asked by each thread, as on a busy machine the last starts late.
pub fn end_in(millis: u64) -> std::time::Instant {
    std::time::Instant::now() + Duration::from_millis(scaled(millis).max(millis.min(100)))
}

/// Runs `body` in a process of its own, started as this test with `env` set:
/// the configuration is one per process. `test` is the test's full name. What
/// the child says is passed on, and what it ran as (`--nocapture` shows it).
///
/// Miri starts no processes: `body` runs in this one, and `env` is not set.
pub fn in_child(test: &str, env: &[(&str, &str)], body: impl FnOnce()) {
    if cfg!(miri) {
        return body();
    }
    if std::env::var_os("PERCPU_TEST_CHILD").is_some() {
        body();
        if let Ok(info) = percpu_core::info() {
            println!("{}, by {}, {} aborts", info.mode(), info.index(), info.aborts());
        }
        return;
    }
    let setting = MODES.iter().find(|mode| mode.1 == env).map_or("its own setting", |mode| mode.0);
    for line in child(test, env, |_| ()) {
        println!("{test}: {setting}: {line}");
    }
}

/// The child of `in_child`, which `prepare` may change first: what it says.
pub fn child(test: &str, env: &[(&str, &str)], prepare: impl FnOnce(&mut Command)) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    for name in SETTINGS {
        command.env_remove(name);
    }
    command.env("PERCPU_TEST_CHILD", "1").envs(env.iter().copied());
    prepare(&mut command);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "child with {env:?}: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let harness = format!("test {test} ... ");
    let said = text.lines().map(|line| line.strip_prefix(&harness).unwrap_or(line));
    let of_the_harness = |line: &&str| {
        line.is_empty()
            || *line == "ok"
            || line.starts_with("running ")
            || line.starts_with("test result:")
    };
    said.filter(|line| !of_the_harness(line)).map(str::to_owned).collect()
}

/// As `in_child`, once for each of `MODES`; if the environment asks for one, in
/// that one alone, and not at all if it says that this was done (`ci/portable.sh`, for
/// what `ci/test.sh` ran). Under Miri there is one mode.
pub fn in_each_mode(test: &str, body: impl Fn()) {
    in_modes(test, &MODES, body);
}

/// The same for a body that pins its thread and takes its unit for one that stays: the
/// kernel may give a thread another concurrency id at any time, pinned or not.
pub fn in_each_pinned_mode(test: &str, body: impl Fn()) {
    let by_cpu: Vec<_> = MODES.into_iter().filter(|(name, _)| *name != BY_ID).collect();
    in_modes(test, &by_cpu, body);
}

fn in_modes(test: &str, modes: &[(&str, &[(&str, &str)])], body: impl Fn()) {
    if cfg!(miri) {
        return body();
    }
    let asked: Vec<_> =
        SETTINGS.iter().filter_map(|&name| Some((name, std::env::var(name).ok()?))).collect();
    if !asked.is_empty() {
        if std::env::var_os("PERCPU_TEST_RAN_IN_EACH_MODE").is_some() {
            return println!("{test}: ran in each mode, and in this one, with the others");
        }
        let asked: Vec<_> = asked.iter().map(|(name, value)| (*name, value.as_str())).collect();
        return in_child(test, &asked, body);
    }
    for (_, env) in modes {
        in_child(test, env, &body);
        if std::env::var_os("PERCPU_TEST_CHILD").is_some() {
            return;
        }
    }
}

/// Allows the calling thread the CPUs whose bit is set, of the first 64.
pub fn set_affinity(mask: u64) {
    // SAFETY: an all-zero cpu_set_t is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for cpu in (0..64).filter(|cpu| mask >> cpu & 1 == 1) {
        // SAFETY: a bit inside the set.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: the set is a local of the size given; 0 is this thread.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) };
}

/// The calling thread stays on the first CPU it may use.
pub fn pin() {
    set_affinity(allowed() & allowed().wrapping_neg());
}

/// The CPUs this process may use, of the first 64, as a mask.
pub fn allowed() -> u64 {
    // SAFETY: an all-zero cpu_set_t is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: fills the local.
    unsafe { libc::sched_getaffinity(0, size_of_val(&set), &mut set) };
    // SAFETY: bits inside the set.
    (0..64)
        .filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) })
        .fold(0, |mask, cpu| mask | 1 << cpu)
}

/// How many bytes of a thread's rseq area the kernel has features for.
pub fn rseq_feature_size() -> libc::c_ulong {
    const AT_RSEQ_FEATURE_SIZE: libc::c_ulong = 27;
    // SAFETY: reads the auxiliary vector.
    unsafe { libc::getauxval(AT_RSEQ_FEATURE_SIZE) }
}

/// Takes the calling thread's registration for restartable sequences away, which
/// libc made. Whether the kernel did so.
pub fn leave_rseq() -> bool {
    if cfg!(miri) {
        return false;
    }
    const UNREGISTER: libc::c_int = 1;
    #[cfg(target_arch = "x86_64")]
    const SIGNATURE: u32 = 0x5305_3053;
    #[cfg(not(target_arch = "x86_64"))]
    const SIGNATURE: u32 = 0xd428_bc00;
    let Some((offset, _)) = libc_area() else { return false };
    let area = thread_pointer().wrapping_add_signed(offset);
    // What it was registered with depends on libc, whatever it says is used.
    [32_usize, 20, 28, 33, 40, 48, 64].into_iter().any(|length| {
        // SAFETY: takes this thread's own area back from the kernel, or fails.
        unsafe { libc::syscall(libc::SYS_rseq, area, length, UNREGISTER, SIGNATURE) == 0 }
    })
}

/// Whether libc registers threads and can be asked where.
pub fn libc_registers() -> bool {
    libc_area().is_some()
}

/// The address of one of libc's words, or null. By a weak reference: programs without
/// libraries, as in an emulated machine, find no names at run time.
macro_rules! weak {
    ($name:literal) => {{
        let address: usize;
        // SAFETY: loads a weak symbol's address, or 0, from the GOT.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            std::arch::asm!(
                concat!(".weak ", $name),
                concat!("mov {}, qword ptr [rip + ", $name, "@GOTPCREL]"),
                out(reg) address,
                options(nostack, readonly, preserves_flags),
            );
        }
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        unsafe {
            std::arch::asm!(
                concat!(".weak ", $name),
                concat!("adrp {0}, :got:", $name),
                concat!("ldr {0}, [{0}, :got_lo12:", $name, "]"),
                out(reg) address,
                options(nostack, readonly, preserves_flags),
            );
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            address = 0;
        }
        std::ptr::with_exposed_provenance(address)
    }};
}

/// How far a thread's area lies from its thread pointer, and its size, says libc.
fn libc_area() -> Option<(isize, u32)> {
    let (offset, size): (*const isize, *const u32) = (weak!("__rseq_offset"), weak!("__rseq_size"));
    if offset.is_null() || size.is_null() {
        return None;
    }
    // SAFETY: libc's `ptrdiff_t`, constant since it registered a thread.
    let offset = unsafe { offset.read() };
    // SAFETY: libc's `unsigned int`, likewise.
    let size = unsafe { size.read() };
    (size != 0).then_some((offset, size))
}

/// Takes back what this thread's last section left armed, as the kernel does now and
/// then: what would be sent back by that is not sent back by chance.
pub fn disarm() {
    const RSEQ_CS: usize = 8;
    let Some((offset, _)) = libc_area() else { return };
    let area = thread_pointer().wrapping_add_signed(offset);
    // SAFETY: the one field of this thread's own area that a program may write.
    unsafe { std::ptr::with_exposed_provenance_mut::<u64>(area + RSEQ_CS).write_volatile(0) };
}

fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads the thread pointer, which the psABI keeps there.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("mov {}, qword ptr fs:[0]", out(reg) pointer, options(nostack, readonly));
    }
    // SAFETY: reads the thread pointer register.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, nomem));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        // No section runs on other architectures.
        pointer = 0;
    }
    pointer
}

/// A small generator: tests must not depend on a seed they cannot print.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

static HANDLER: std::sync::OnceLock<fn()> = std::sync::OnceLock::new();

extern "C" fn on_signal(_: libc::c_int) {
    if let Some(handler) = HANDLER.get() {
        handler();
    }
}

/// What a storm under Miri calls.
static CALLED: std::sync::Mutex<Option<fn()>> = std::sync::Mutex::new(None);

/// Makes SIGUSR1 run `handler` (which must be async-signal-safe). Under Miri the next
/// storm calls it.
pub fn handle_sigusr1(handler: fn()) {
    if cfg!(miri) {
        *CALLED.lock().unwrap() = Some(handler);
        return;
    }
    assert!(HANDLER.set(handler).is_ok(), "one handler a process");
    // SAFETY: an all-zero sigaction is a valid starting point.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: installs the handler above.
    assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) }, 0);
}

/// Sends SIGUSR1 to a thread that is not joined yet.
pub fn signal<T>(thread: &std::thread::JoinHandle<T>) {
    use std::os::unix::thread::JoinHandleExt;
    // SAFETY: the handle says that it is not joined.
    unsafe { libc::pthread_kill(thread.as_pthread_t() as libc::pthread_t, libc::SIGUSR1) };
}

/// Allows a thread the CPUs of `mask`; it is on one of them when this returns.
pub fn bind<T>(thread: &std::thread::JoinHandle<T>, mask: u64) {
    use std::os::unix::thread::JoinHandleExt;
    pthread_affinity(thread.as_pthread_t() as libc::pthread_t, mask);
}

/// Puts `new` into the second word of the thread control block and says what was there:
/// whoever puts something else there than the C library puts that back before the thread
/// does anything else.
pub fn swap_in_control_block(new: Option<u64>) -> u64 {
    let word = std::ptr::with_exposed_provenance_mut::<u64>(thread_pointer() + 8);
    // SAFETY: this thread's own, of the C library.
    let old = unsafe { word.read_volatile() };
    if let Some(new) = new {
        // SAFETY: as above.
        unsafe { word.write_volatile(new) };
    }
    old
}

/// Runs `work` on `threads` threads while each gets SIGUSR1 every 100 us and a
/// random affinity now and then; afterwards all have returned. Under Miri, which has no
/// signals, each calls the handler before its work and after it.
pub fn in_a_storm(threads: usize, work: impl Fn(usize) + Sync) {
    if cfg!(miri) {
        let work = &work;
        let handler = CALLED.lock().unwrap().take().unwrap_or(|| ());
        return std::thread::scope(|s| {
            for n in 0..threads {
                s.spawn(move || {
                    handler();
                    work(n);
                    handler();
                });
            }
        });
    }
    use std::os::unix::thread::JoinHandleExt;
    use std::sync::atomic::AtomicUsize;
    let cpus = allowed();
    let left = AtomicUsize::new(threads);
    let over = AtomicBool::new(false);
    let (work, left, over) = (&work, &left, &over);
    let workers: Vec<_> = (0..threads)
        .map(|n| {
            // Plain threads: a scoped one's handle does not give its pthread.
            let body: Box<dyn FnOnce() + Send> = Box::new(move || {
                work(n);
                left.fetch_sub(1, Ordering::AcqRel);
                // Stay until the storm is over: it signals every thread.
                while !over.load(Ordering::Acquire) {
                    std::thread::sleep(Duration::from_micros(200));
                }
            });
            // SAFETY: only the lifetime changes; all threads are joined below,
            // and nothing before that can panic.
            let body: Box<dyn FnOnce() + Send + 'static> = unsafe { std::mem::transmute(body) };
            std::thread::spawn(body)
        })
        .collect();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    // However fast they are, one gust.
    loop {
        // With delays, soon again: a section that was sent back is interrupted once more.
        for again in 0..if cfg!(percpu_inject) { 2 } else { 1 } {
            (0..again * 40).for_each(|_| std::hint::spin_loop());
            workers.iter().for_each(signal);
        }
        let victim = &workers[random.next() as usize % threads];
        let mask = random.next() & cpus;
        pthread_affinity(
            victim.as_pthread_t() as libc::pthread_t,
            if mask == 0 { cpus } else { mask },
        );
        std::thread::sleep(Duration::from_micros(100));
        if left.load(Ordering::Acquire) == 0 || workers.iter().any(|w| w.is_finished()) {
            break;
        }
    }
    over.store(true, Ordering::Release);
    let outcomes: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
    assert!(outcomes.iter().all(Result::is_ok), "a worker panicked");
}

/// Allows another thread the CPUs whose bit is set, of the first 64.
pub fn pthread_affinity(thread: libc::pthread_t, mask: u64) {
    // SAFETY: an all-zero cpu_set_t is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for cpu in (0..64).filter(|cpu| mask >> cpu & 1 == 1) {
        // SAFETY: a bit inside the set.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    #[cfg(target_env = "gnu")]
    // SAFETY: a live thread and a local set of the size given.
    unsafe {
        libc::pthread_setaffinity_np(thread, size_of_val(&set), &set)
    };
    #[cfg(not(target_env = "gnu"))]
    let _ = (thread, set);
}

/// Lines of this process's memory map that name our mappings, or all of them.
pub fn maps() -> Vec<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().map(str::to_owned).collect()
}

/// The units that were used.
pub fn active_units() -> impl Iterator<Item = percpu_core::Unit> {
    percpu_core::Unit::all().unwrap().filter(|unit| unit.is_active())
}
