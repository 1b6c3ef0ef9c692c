//! Reference counts in all their modes, from several CPUs, against one number and three
//! flags; and an object that goes when the number is zero, once.

#![no_main]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_core::{PerCpuRef, RawRef, Ref, RefError, RefOptions};
use percpu_fuzz::run_on;

#[derive(Arbitrary, Debug)]
struct Input {
    atomic: bool,
    dead: bool,
    reinit: bool,
    /// With an object, or the count alone.
    object: bool,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    RunOn(u8),
    Get(u16),
    TryGet,
    TryGetLive,
    Put(u16),
    Kill,
    ToAtomic,
    ToPerCpu,
    Reinit,
    Resurrect,
}

/// What a count is: the drawing in `reference/raw.rs`.
#[derive(Debug)]
struct Model {
    count: u64,
    dead: bool,
    percpu: bool,
    sticky: bool,
    reinit: bool,
}

impl Model {
    fn new(input: &Input) -> Self {
        Self {
            count: u64::from(!input.dead),
            dead: input.dead,
            percpu: !input.atomic && !input.dead,
            sticky: input.atomic,
            reinit: input.reinit || input.atomic || input.dead,
        }
    }

    fn open(&mut self) {
        self.percpu = !self.sticky && !self.dead;
    }

    fn kill(&mut self) -> Result<bool, RefError> {
        if self.dead {
            return Err(RefError::AlreadyDead);
        }
        (self.dead, self.percpu) = (true, false);
        self.count = self.count.checked_sub(1).ok_or(RefError::Underflow)?;
        Ok(self.count == 0)
    }

    fn to_atomic(&mut self) -> Result<(), RefError> {
        let sane = !self.percpu || self.count > 0;
        (self.percpu, self.sticky) = (false, true);
        if sane { Ok(()) } else { Err(RefError::Underflow) }
    }

    fn to_percpu(&mut self) -> Result<(), RefError> {
        if !self.percpu && !self.reinit {
            return Err(RefError::NotReusable);
        }
        self.sticky = false;
        self.open();
        Ok(())
    }

    fn reinit(&mut self) -> Result<(), RefError> {
        match () {
            () if !self.reinit => return Err(RefError::NotReusable),
            () if self.percpu || self.count > 0 => return Err(RefError::NotZero),
            () if !self.dead => return Err(RefError::NotDead),
            () => {}
        }
        (self.count, self.dead) = (1, false);
        self.open();
        Ok(())
    }

    fn resurrect(&mut self) -> Result<(), RefError> {
        match () {
            () if !self.reinit => return Err(RefError::NotReusable),
            () if !self.dead => return Err(RefError::NotDead),
            () if self.count == 0 => return Err(RefError::Zero),
            () => {}
        }
        (self.count, self.dead) = (self.count + 1, false);
        self.open();
        Ok(())
    }

    fn tryget(&mut self, live: bool) -> bool {
        let gets = self.percpu || (self.count > 0 && !(live && self.dead));
        self.count += u64::from(gets);
        gets
    }
}

fn raw(input: &Input) {
    let mut options = RefOptions::new();
    options = if input.atomic { options.init_atomic() } else { options };
    options = if input.dead { options.init_dead() } else { options };
    options = if input.reinit { options.allow_reinit() } else { options };
    let count = RawRef::with_options(options).expect("memory");
    let mut model = Model::new(input);
    for &step in input.steps.iter().take(512) {
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            // For who has one.
            Step::Get(n) if model.count > 0 => {
                count.get_many(n.into());
                model.count += u64::from(n);
            }
            Step::Get(_) => {}
            Step::TryGet => assert_eq!(count.tryget(), model.tryget(false)),
            Step::TryGetLive => assert_eq!(count.tryget_live(), model.tryget(true)),
            Step::Put(n) if model.percpu => {
                // Per-CPU nobody would know that it is one too many.
                let n = u64::from(n).min(model.count.saturating_sub(1));
                assert_eq!(count.put(n as u32), Ok(false));
                model.count -= n;
            }
            Step::Put(n) => {
                let n = u64::from(n);
                let want = match model.count.checked_sub(n) {
                    Some(left) => {
                        model.count = left;
                        Ok(n > 0 && left == 0)
                    }
                    None => Err(RefError::Underflow),
                };
                assert_eq!(count.put(n as u32), want);
            }
            Step::Kill => {
                let mut confirmed = 0;
                let want = model.kill();
                assert_eq!(count.kill_and_confirm(|| confirmed += 1), want);
                assert_eq!(confirmed, i32::from(want != Err(RefError::AlreadyDead)));
            }
            Step::ToAtomic => {
                let mut confirmed = 0;
                assert_eq!(count.switch_to_atomic(|| confirmed += 1), model.to_atomic());
                assert_eq!(confirmed, 1);
            }
            Step::ToPerCpu => assert_eq!(count.switch_to_percpu(), model.to_percpu()),
            Step::Reinit => assert_eq!(count.reinit(), model.reinit()),
            Step::Resurrect => assert_eq!(count.resurrect(), model.resurrect()),
        }
        assert_eq!(count.count(), model.count, "{model:?}");
        assert_eq!((count.is_percpu(), count.is_dying()), (model.percpu, model.dead), "{model:?}");
        assert_eq!(count.is_zero(), !model.percpu && model.count == 0, "{model:?}");
        assert!(count.to_string().starts_with("references: "));
    }
    let exited = count.exit();
    assert_eq!((exited.count(), exited.is_dying()), (model.count, model.dead));
    assert_eq!(exited.is_zero(), !model.percpu && model.count == 0);
}

/// The same with an object, whose number says which life it is.
fn object(input: &Input) {
    let released = Arc::new(AtomicU32::new(0));
    let theirs = Arc::clone(&released);
    let mut builder = PerCpuRef::builder().on_release(move |life: u32| {
        assert_eq!(theirs.fetch_add(1, Relaxed), life, "each once, in their order");
    });
    builder = if input.atomic { builder.init_atomic() } else { builder };
    builder = if input.reinit { builder.allow_reinit() } else { builder };
    let mut model = Model::new(input);
    // Without one it may be given one, if it may be used again at all.
    model.reinit = input.reinit || input.atomic || input.dead;
    let owner = if input.dead { builder.build_dead() } else { builder.build(0) }.expect("memory");
    let mut lives = u32::from(!input.dead);
    let mut held: Vec<Ref<u32>> = Vec::new();
    for &step in input.steps.iter().take(256) {
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Get(nth) if model.count > 0 && held.len() < 64 => {
                let one = match held.len() {
                    0 => owner.get(),
                    len => Ref::clone(&held[usize::from(nth) % len]),
                };
                model.count += 1;
                held.push(one);
            }
            Step::TryGet | Step::TryGetLive if held.len() < 64 => {
                let live = matches!(step, Step::TryGetLive);
                let one = if live { owner.try_get_live() } else { owner.try_get() };
                assert_eq!(one.is_some(), model.tryget(live), "{model:?}");
                held.extend(one);
            }
            Step::Put(nth) if !held.is_empty() => {
                held.swap_remove(usize::from(nth) % held.len());
                model.count -= 1;
            }
            Step::Kill => assert_eq!(owner.kill(), model.kill().map(drop)),
            Step::ToAtomic => assert_eq!(owner.switch_to_atomic_sync(), model.to_atomic()),
            Step::ToPerCpu => assert_eq!(owner.switch_to_percpu(), model.to_percpu()),
            Step::Reinit => {
                let want = model.reinit();
                assert_eq!(owner.reinit(lives).map_err(|(_, error)| error), want);
                lives += u32::from(want.is_ok());
            }
            Step::Resurrect => assert_eq!(owner.resurrect(), model.resurrect()),
            _ => {}
        }
        assert_eq!(owner.count(), model.count, "{model:?}");
        let gone = model.count == 0;
        assert_eq!((owner.is_zero(), owner.is_released()), (gone, gone), "{model:?}");
        assert_eq!(released.load(Relaxed), lives - u32::from(!gone), "{model:?}");
        assert!(held.iter().all(|one| **one + 1 == lives && Ref::is_dying(one) == model.dead));
    }
    drop(owner);
    held.clear();
    assert_eq!(released.load(Relaxed), lives, "all are gone, each once");
}

fuzz_target!(|input: Input| {
    run_on(0);
    if input.object { object(&input) } else { raw(&input) }
});
