//! Deferred callbacks against what a list knows: none runs while somebody reads who began
//! before it, all run in their order, and none is lost.

#![no_main]

use std::sync::{Arc, Mutex};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_counter::{Domain, GracePeriod, OwnedReadGuard};
use percpu_fuzz::run_on;

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    RunOn(u8),
    Read,
    Leave(u8),
    /// So many; each may defer one more when it runs.
    Defer(u8, bool),
    Poll,
    Start,
    /// Only where nobody reads: it waits.
    Barrier,
    Synchronize,
}

/// Readers by when they began, callbacks and grace periods by when they were asked for.
#[derive(Default)]
struct Model {
    now: usize,
    readers: Vec<(usize, OwnedReadGuard)>,
    started: Vec<(usize, GracePeriod)>,
    /// When each callback was deferred.
    deferred: Vec<usize>,
}

fn defer(domain: &Arc<Domain>, ran: &Arc<Mutex<Vec<usize>>>, nth: usize) {
    let ran = Arc::clone(ran);
    domain.defer(move || ran.lock().unwrap().push(nth));
}

fuzz_target!(|steps: Vec<Step>| {
    run_on(0);
    let domain = Arc::new(Domain::new().expect("memory"));
    let ran = Arc::new(Mutex::new(Vec::new()));
    let mut model = Model::default();
    for &step in steps.iter().take(256) {
        model.now += 1;
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Read if model.readers.len() < 16 => {
                model.readers.push((model.now, domain.read_owned()));
            }
            Step::Leave(nth) if !model.readers.is_empty() => {
                drop(model.readers.swap_remove(usize::from(nth) % model.readers.len()));
            }
            Step::Defer(count, often) => {
                for _ in 0..if often { usize::from(count) + 1 } else { 1 } {
                    defer(&domain, &ran, model.deferred.len());
                    model.deferred.push(model.now);
                }
            }
            Step::Poll => drop(domain.poll().expect("a fence")),
            Step::Start if model.started.len() < 64 => {
                model.started.push((model.now, domain.start()));
            }
            Step::Barrier if model.readers.is_empty() => {
                domain.barrier().expect("a fence");
                assert_eq!(domain.pending(), 0);
            }
            Step::Synchronize if model.readers.is_empty() => {
                domain.synchronize().expect("a fence");
                assert!(model.started.iter().all(|(_, asked)| domain.is_past(*asked)));
            }
            _ => {}
        }
        let oldest = model.readers.iter().map(|(since, _)| *since).min();
        let may_have = |since: usize| oldest.is_none_or(|reader| reader > since);
        let ran = ran.lock().unwrap();
        assert!(ran.iter().copied().eq(0..ran.len()), "in their order");
        assert!(model.deferred[..ran.len()].iter().all(|&since| may_have(since)), "too early");
        assert_eq!(domain.pending(), (model.deferred.len() - ran.len()) as u64);
        for (since, asked) in &model.started {
            assert!(!domain.is_past(*asked) || may_have(*since), "somebody reads");
        }
    }
    model.readers.clear();
    drop(domain);
    assert_eq!(ran.lock().unwrap().len(), model.deferred.len(), "what is left runs");
});
