//! Every type of counter from several CPUs against plain arithmetic.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_counter::prometheus::{PerCpuF64, PerCpuI64, PerCpuU64};
use percpu_counter::{ApproxCounter, ApproxCounters, Counter, CounterSet, Gauge, Max, Min};
use percpu_fuzz::{run_on, units};

percpu_counter::counter_set! {
    struct Stats { packets, bytes }
}

#[derive(Arbitrary, Debug)]
struct Input {
    batch: u16,
    start: i32,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    RunOn(u8),
    Count(u64),
    Inc,
    Take,
    Gauge(i64),
    GaugeSub(i64),
    GaugeSet(i64),
    Seen(i64),
    Set { bytes: u64 },
    SetInc,
    SetTake,
    Approx(i32),
    ApproxBy { n: i32, batch: u16 },
    ApproxLocal(i32),
    ApproxSet(i32),
    ApproxSync,
    ApproxFold(u8),
    ApproxCompare(i32),
    ApproxLimited { limit: i32, n: i16 },
    OneOf { which: u8, n: i32 },
    Float(i32),
    FloatSet(i32),
    Number(i64),
    NumberSet(i64),
    NumberRaise(i64),
}

const MANY: usize = 3;

/// What the counters count, as integers, and what else is known of them.
struct Model {
    counter: u64,
    ever: u64,
    gauge: i64,
    seen: Option<(i64, i64)>,
    set: (u64, u64),
    approx: i64,
    /// Whether `read` is near, as it is without `add_local`.
    is_bound: bool,
    many: [i64; MANY],
    /// In sixteenths, which floats hold exactly.
    sixteenths: i64,
    number: i64,
}

struct Counters {
    counter: Counter,
    gauge: Gauge,
    extremes: (Min<i64>, Max<i64>),
    unsigned: (Min, Max),
    set: CounterSet<Stats>,
    approx: ApproxCounter,
    many: ApproxCounters,
    float: PerCpuF64,
    numbers: (PerCpuI64, PerCpuU64),
}

fn sixteenths(n: i32) -> f64 {
    f64::from(n) / 16.0
}

impl Counters {
    fn new(input: &Input) -> Result<Self, percpu_core::Error> {
        let batch = u32::from(input.batch);
        Ok(Self {
            counter: Counter::new()?,
            gauge: Gauge::new()?,
            extremes: (Min::signed()?, Max::signed()?),
            unsigned: (Min::new()?, Max::new()?),
            set: CounterSet::new()?,
            approx: ApproxCounter::with_batch(batch)?,
            many: ApproxCounters::with_batch(MANY, batch)?,
            float: PerCpuF64::new(sixteenths(input.start)),
            numbers: (
                PerCpuI64::new(input.start.into()),
                PerCpuU64::new(i64::from(input.start).cast_unsigned()),
            ),
        })
    }

    fn step(&self, model: &mut Model, step: Step) {
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Count(n) => {
                self.counter.add(n);
                model.counter = model.counter.wrapping_add(n);
                model.ever = model.ever.wrapping_add(n);
            }
            Step::Inc => {
                self.counter.inc();
                self.gauge.inc();
                model.counter = model.counter.wrapping_add(1);
                model.ever = model.ever.wrapping_add(1);
                model.gauge = model.gauge.wrapping_add(1);
            }
            Step::Take => assert_eq!(self.counter.take(), std::mem::take(&mut model.counter)),
            Step::Gauge(n) => {
                self.gauge.add(n);
                model.gauge = model.gauge.wrapping_add(n);
            }
            Step::GaugeSub(n) => {
                self.gauge.sub(n);
                model.gauge = model.gauge.wrapping_sub(n);
            }
            Step::GaugeSet(n) => {
                self.gauge.set(n);
                model.gauge = n;
            }
            Step::Seen(n) => {
                self.extremes.0.record(n);
                self.extremes.1.record(n);
                // The same order, shifted: zero is the least of these.
                let shifted = n.cast_unsigned() ^ (1 << 63);
                self.unsigned.0.record(shifted);
                self.unsigned.1.record(shifted);
                let (least, most) = model.seen.unwrap_or((n, n));
                model.seen = Some((least.min(n), most.max(n)));
            }
            Step::Set { bytes } => {
                self.set.with(|stats| {
                    stats.packets = stats.packets.wrapping_add(1);
                    stats.bytes = stats.bytes.wrapping_add(bytes);
                });
                model.set = (model.set.0.wrapping_add(1), model.set.1.wrapping_add(bytes));
            }
            Step::SetInc => {
                self.set.inc(|stats| &mut stats.packets);
                self.set.add(|stats| &mut stats.bytes, 3);
                model.set = (model.set.0.wrapping_add(1), model.set.1.wrapping_add(3));
            }
            Step::SetTake => {
                let taken = self.set.take().expect("a fence").total();
                assert_eq!((taken.packets, taken.bytes), std::mem::take(&mut model.set));
            }
            Step::Number(n) => {
                self.numbers.0.add(n);
                self.numbers.1.sub(n.cast_unsigned().wrapping_neg());
                model.number = model.number.wrapping_add(n);
            }
            Step::NumberSet(n) => {
                self.numbers.0.set(n);
                self.numbers.1.set(n.cast_unsigned());
                model.number = n;
            }
            Step::NumberRaise(n) => {
                self.numbers.0.raise(n);
                model.number = model.number.max(n);
                // As unsigned numbers they have another order.
                self.numbers.1.set(model.number.cast_unsigned());
            }
            Step::Float(n) => {
                self.float.add(sixteenths(n));
                model.sixteenths += i64::from(n);
            }
            Step::FloatSet(n) => {
                self.float.set(sixteenths(n));
                model.sixteenths = i64::from(n);
            }
            step => self.approximate(model, step),
        }
    }

    fn approximate(&self, model: &mut Model, step: Step) {
        let approx = &self.approx;
        match step {
            Step::Approx(n) => {
                approx.add(n.into());
                model.approx += i64::from(n);
            }
            Step::ApproxBy { n, batch } => {
                approx.add_with_batch(n.into(), batch.into());
                model.approx += i64::from(n);
            }
            Step::ApproxLocal(n) => {
                approx.add_local(n.into());
                model.approx += i64::from(n);
                model.is_bound = false;
            }
            Step::ApproxSet(n) => {
                approx.set(n.into());
                model.approx = n.into();
            }
            Step::ApproxSync => approx.sync(),
            Step::ApproxFold(unit) => {
                let units = units();
                approx.fold_on(units[usize::from(unit) % units.len()]).expect("a fence");
            }
            Step::ApproxCompare(n) if model.is_bound => {
                assert_eq!(approx.compare(n.into()), model.approx.cmp(&n.into()));
            }
            Step::ApproxLimited { limit, n } if model.is_bound => {
                let (limit, n) = (i64::from(limit), i64::from(n));
                let sum = model.approx + n;
                let within = n == 0 || if n > 0 { sum <= limit } else { sum >= limit };
                assert_eq!(approx.add_limited(limit, n), within, "{sum} of {limit}");
                model.approx = if within { sum } else { model.approx };
            }
            Step::OneOf { which, n } => {
                let which = usize::from(which) % MANY;
                self.many.at(which).add(n.into());
                model.many[which] += i64::from(n);
            }
            _ => {}
        }
    }

    fn check(&self, model: &Model) {
        assert_eq!(self.counter.sum(), model.counter);
        let units = self.counter.per_unit().fold(0_u64, |sum, (_, n)| sum.wrapping_add(n));
        assert_eq!(units, model.ever);
        assert_eq!(self.gauge.sum(), model.gauge);
        assert_eq!(self.extremes.0.get().zip(self.extremes.1.get()), model.seen);
        let shifted = |n: i64| n.cast_unsigned() ^ (1 << 63);
        let seen = model.seen.map(|(least, most)| (shifted(least), shifted(most)));
        assert_eq!(self.unsigned.0.get().zip(self.unsigned.1.get()), seen);
        assert_eq!(self.approx.sum(), model.approx);
        if model.is_bound {
            let error = self.approx.read().abs_diff(model.approx);
            assert!(error <= self.approx.error_bound(), "{error}: {:?}", self.approx);
        }
        assert!(self.many.iter().map(|one| one.sum()).eq(model.many));
        for one in self.many.iter() {
            assert!(one.read().abs_diff(one.sum()) <= one.error_bound());
        }
        assert_eq!(self.float.get(), model.sixteenths as f64 / 16.0);
        let number = model.number;
        assert_eq!((self.numbers.0.get(), self.numbers.1.get()), (number, number.cast_unsigned()));
    }
}

fuzz_target!(|input: Input| {
    run_on(0);
    let counters = Counters::new(&input).expect("memory");
    let mut model = Model {
        counter: 0,
        ever: 0,
        gauge: 0,
        seen: None,
        set: (0, 0),
        approx: 0,
        is_bound: true,
        many: [0; MANY],
        sixteenths: input.start.into(),
        number: input.start.into(),
    };
    for &step in input.steps.iter().take(512) {
        counters.step(&mut model, step);
        counters.check(&model);
    }
    let snapshot = counters.set.snapshot().expect("a fence").total();
    assert_eq!((snapshot.packets, snapshot.bytes), model.set);
    assert_eq!(counters.counter.to_string(), model.counter.to_string());
    assert_eq!(counters.gauge.to_string(), model.gauge.to_string());
});
