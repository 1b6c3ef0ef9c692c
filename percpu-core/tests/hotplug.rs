//! CPUs that come and go, as a program sees it: masks in a pretend sysfs, drains,
//! the watcher, moves to other CPUs.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]

mod common;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64 as Plain;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use percpu_core::atomic::AtomicU64;
use percpu_core::hotplug::{self, HotplugError, State, Watcher};
use percpu_core::{
    CpuId, Error, Index, LocalLock, PerCpu, Topology, TopologyError, Unit, config, info, percpu,
};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(3);
}

/// A pretend `/sys` of which only the CPUs are told; removed when dropped.
struct Sysfs(PathBuf);

impl Sysfs {
    fn new(possible: &str, online: &str) -> Self {
        let root = std::env::temp_dir().join(format!("percpu-hotplug-{}", std::process::id()));
        fs::create_dir_all(root.join("devices/system/cpu")).unwrap();
        let sysfs = Self(root);
        sysfs.write("possible", possible);
        sysfs.write("online", online);
        sysfs
    }

    /// Replaced as a whole: the watcher may be reading.
    fn write(&self, file: &str, text: &str) {
        let dir = self.0.join("devices/system/cpu");
        fs::write(dir.join("new"), text).unwrap();
        fs::rename(dir.join("new"), dir.join(file)).unwrap();
    }

    fn configure(&self) {
        config().topology(Topology::from_sysfs(&self.0).unwrap()).apply().unwrap();
    }
}

impl Drop for Sysfs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn unit(cpu: u32) -> Unit {
    Unit::try_from(CpuId::new(cpu)).unwrap()
}

fn wait_until(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never happened");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn masks_of_sysfs_run_the_callbacks() {
    common::in_child("masks_of_sysfs_run_the_callbacks", &[], || {
        let sysfs = Sysfs::new("0-3,8,10-11\n", "0-3\n");
        sysfs.configure();
        let ids: Vec<_> = Unit::all().unwrap().filter_map(Unit::cpu).map(CpuId::get).collect();
        assert_eq!(ids, [0, 1, 2, 3, 8, 10, 11], "a unit for each possible CPU");
        assert_eq!(hotplug::online().unwrap().to_string(), "0-3");

        let log = Arc::new(Mutex::new(String::new()));
        let state = |name: &'static str| {
            let (up, down) = (Arc::clone(&log), Arc::clone(&log));
            State::new(name)
                .online(move |cpu| {
                    *up.lock().unwrap() += &format!("{name}+{cpu} ");
                    Ok(())
                })
                .offline(move |cpu| *down.lock().unwrap() += &format!("{name}-{cpu} "))
        };
        let first = state("a").register().unwrap();
        let second = state("b").register_nocalls().unwrap();
        let take = || std::mem::take(&mut *log.lock().unwrap());
        assert_eq!(take(), "a+0 a+1 a+2 a+3 ");

        // 12 is not possible here: left out.
        sysfs.write("online", "0,2-3,10-12\n");
        let changes = hotplug::poll_from(&sysfs.0).unwrap();
        assert_eq!(
            (changes.offline.to_string(), changes.online.to_string()),
            ("1".into(), "10-11".into())
        );
        assert!(changes.failed.is_empty());
        assert_eq!(take(), "b-1 a-1 a+10 b+10 a+11 b+11 ");
        assert!(hotplug::poll_from(&sysfs.0).unwrap().online.is_empty());
        assert_eq!(take(), "");

        assert!(hotplug::notify_online(CpuId::new(8)).unwrap());
        assert!(!hotplug::notify_online(CpuId::new(8)).unwrap());
        assert!(hotplug::notify_offline(CpuId::new(8)).unwrap());
        assert_eq!(take(), "a+8 b+8 b-8 a-8 ");
        let unknown = hotplug::notify_online(CpuId::new(12)).unwrap_err();
        let cpu = CpuId::new(12);
        assert!(matches!(unknown, HotplugError::Core(Error::UnknownCpu { cpu: it }) if it == cpu));

        // Neither a torn file nor none takes all CPUs down.
        for (text, says) in [("0-", "not a list"), ("\n", "at least one"), ("", "at least one")] {
            sysfs.write("online", text);
            let error = hotplug::poll_from(&sysfs.0).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        fs::remove_file(sysfs.0.join("devices/system/cpu/online")).unwrap();
        let gone = hotplug::poll_from(&sysfs.0).unwrap_err();
        assert!(matches!(gone, HotplugError::Unreadable(TopologyError::Unreadable { .. })));
        assert_eq!((take(), hotplug::online().unwrap().len()), (String::new(), 5));

        drop(second);
        first.remove();
        assert_eq!(take(), "a-11 a-10 a-3 a-2 a-0 ");
    });
}

#[test]
fn this_machine_can_be_polled() {
    let changes = hotplug::poll().unwrap();
    assert!(changes.failed.is_empty());
    let known = hotplug::online().unwrap();
    assert_eq!(known, known.intersection(info().unwrap().topology().possible()));
}

/// What a stack or a cache of later does: its items of a unit are given back when
/// the CPU goes, and on request, while others go on pushing.
#[test]
fn what_a_cpu_keeps_is_drained_when_it_goes() {
    common::in_each_mode("what_a_cpu_keeps_is_drained_when_it_goes", || {
        let kept = Arc::new(PerCpu::new_with(|_| LocalLock::new(Vec::<u64>::new())).unwrap());
        let given_back = Arc::new(Plain::new(0));
        let (theirs, count) = (Arc::clone(&kept), Arc::clone(&given_back));
        let state = State::new("kept").drain(move |unit| {
            let items = std::mem::take(&mut *theirs.lock_on(unit).unwrap());
            count.fetch_add(items.iter().sum(), Relaxed);
        });
        let state = state.register().unwrap();

        for unit in Unit::all().unwrap() {
            kept.lock_on(unit).unwrap().extend([1, 2, 3]);
        }
        let units = Unit::all().unwrap().count() as u64;
        // By concurrency id no unit goes with a CPU.
        let by_cpu = info().unwrap().index() == Index::Cpu;
        let cpu = hotplug::online().unwrap().first().unwrap();
        assert!(hotplug::notify_offline(cpu).unwrap());
        for unit in Unit::all().unwrap() {
            let left = kept.lock_on(unit).unwrap().len();
            assert_eq!(left, if unit.cpu() == Some(cpu) { 0 } else { 3 }, "{unit}");
        }
        assert_eq!(given_back.load(Relaxed), if by_cpu { 6 } else { 0 });
        assert!(hotplug::notify_online(cpu).unwrap());

        let each = common::scaled(20_000);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| (0..each).for_each(|_| kept.with(|items| items.push(1)))))
                .collect();
            while !workers.iter().all(|worker| worker.is_finished()) {
                Unit::all().unwrap().for_each(|unit| hotplug::drain(unit).unwrap());
            }
        });
        Unit::all().unwrap().for_each(|unit| hotplug::drain(unit).unwrap());
        assert!(Unit::all().unwrap().all(|unit| kept.lock_on(unit).unwrap().is_empty()));
        assert_eq!(given_back.load(Relaxed), 6 * units + 3 * each, "nothing lost, nothing twice");
        drop(state);
        kept.lock().push(1);
        Unit::all().unwrap().for_each(|unit| hotplug::drain(unit).unwrap());
        assert_eq!(given_back.load(Relaxed), 6 * units + 3 * each, "removed");
    });
}

#[test]
fn the_watcher_tells_until_it_is_dropped() {
    common::in_child("the_watcher_tells_until_it_is_dropped", &[], || {
        let sysfs = Sysfs::new("0-7\n", "0-3\n");
        sysfs.configure();
        let seen = Arc::new(Plain::new(0));
        let ups = Arc::clone(&seen);
        let state = State::new("seen").online(move |_| {
            ups.fetch_add(1, Relaxed);
            Ok(())
        });
        let state = state.offline(|_| panic!("of no matter to the watcher"));
        let _state = state.register_nocalls().unwrap();
        sysfs.write("online", "0-4\n");
        let tick = Duration::from_millis(2);
        let watcher = Watcher::start_from(sysfs.0.clone(), tick).unwrap();
        assert_eq!(seen.load(Relaxed), 1, "polled before it returns");
        sysfs.write("online", "0-5\n");
        wait_until(|| seen.load(Relaxed) == 2);
        // A callback panics, a file is torn: the next poll is as good as any.
        sysfs.write("online", "1-5\n");
        wait_until(|| !hotplug::online().unwrap().contains(CpuId::new(0)));
        sysfs.write("online", "1-");
        std::thread::sleep(5 * tick);
        sysfs.write("online", "0-5\n");
        wait_until(|| seen.load(Relaxed) == 3);

        drop(watcher);
        sysfs.write("online", "0-7\n");
        std::thread::sleep(20 * tick);
        assert_eq!(seen.load(Relaxed), 3, "nobody polls any more");

        // A long interval does not hold the drop up.
        let start = Instant::now();
        drop(Watcher::start_from(sysfs.0.clone(), Duration::from_secs(3600)).unwrap());
        assert!(start.elapsed() < Duration::from_secs(60));
        fs::remove_file(sysfs.0.join("devices/system/cpu/online")).unwrap();
        assert!(Watcher::start_from(sysfs.0.clone(), tick).is_err());
    });
}

#[test]
fn a_watcher_may_be_dropped_by_its_own_callback() {
    common::in_child("a_watcher_may_be_dropped_by_its_own_callback", &[], || {
        let sysfs = Sysfs::new("0-7\n", "0-3\n");
        sysfs.configure();
        let watcher = Arc::new(Mutex::new(None));
        let (theirs, dropped) = (Arc::clone(&watcher), Arc::new(Plain::new(0)));
        let count = Arc::clone(&dropped);
        let state = State::new("drops").online(move |_| {
            drop(theirs.lock().unwrap().take());
            count.fetch_add(1, Relaxed);
            Ok(())
        });
        let _state = state.register_nocalls().unwrap();
        let started = Watcher::start_from(sysfs.0.clone(), Duration::from_millis(2)).unwrap();
        *watcher.lock().unwrap() = Some(started);
        sysfs.write("online", "0-4\n");
        wait_until(|| dropped.load(Relaxed) > 0);
        assert!(watcher.lock().unwrap().is_none());
    });
}

/// A thread that is moved finds the copy of the other CPU as it was declared or
/// made, though nobody was ever there.
#[test]
fn a_moved_thread_finds_an_initialised_unit() {
    common::in_each_mode("a_moved_thread_finds_an_initialised_unit", || {
        let made =
            PerCpu::new_with(|unit| Mutex::new(vec![unit.cpu().map_or(u32::MAX, CpuId::get); 2]))
                .unwrap();
        let fresh = PerCpu::<AtomicU64>::zeroed().unwrap();
        let cpus: Vec<u32> = (0..64).filter(|cpu| common::allowed() >> cpu & 1 == 1).collect();
        for &cpu in &cpus {
            common::set_affinity(1 << cpu);
            let seen = made.hint().lock().unwrap().clone();
            WORD.inc();
            fresh.inc();
            if common::by_cpu() {
                assert_eq!(Unit::current().unwrap(), unit(cpu));
                assert_eq!(seen, [cpu; 2]);
                assert_eq!((WORD.on(unit(cpu)).load(), fresh.on(unit(cpu)).load()), (4, 1));
            } else {
                assert_eq!((seen.len(), seen[0]), (2, seen[1]));
            }
        }
        let (units, moves) = (Unit::all().unwrap().count() as u64, cpus.len() as u64);
        assert_eq!((WORD.sum(), fresh.sum()), (3 * units + moves, moves));
    });
}

#[test]
fn what_the_allocator_keeps_for_a_cpu_is_taken_back() {
    common::in_each_mode("what_the_allocator_keeps_for_a_cpu_is_taken_back", || {
        let words: Vec<_> =
            (0..20).map(|_| PerCpu::<percpu_core::atomic::AtomicU64>::zeroed().unwrap()).collect();
        drop(words);
        assert!(percpu_core::stats().unwrap().front_cached > 0);
        for unit in Unit::all().unwrap() {
            hotplug::drain(unit).unwrap();
        }
        assert_eq!(percpu_core::stats().unwrap().front_cached, 0);
    });
}
