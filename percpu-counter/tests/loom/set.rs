//! Sets of counters: updates against takes. That no update is seen by half is what
//! the lock is for, and shown by the models of `LocalLock`.

use percpu_core::model::{Builder, Outcomes};
use percpu_counter::{counter, counter_set};

counter_set! { struct Pair { a, b } }

/// Each update is in exactly one `take`.
#[test]
fn take_against_update() {
    static TAKEN: Outcomes<(u64, u64)> = Outcomes::new();
    counter! { static SET: CounterSet<Pair>; }
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let update =
            machine.spawn_on(0, || SET.with(|pair| (pair.a, pair.b) = (pair.a + 1, pair.b + 2)));
        let taker = machine.spawn_on(0, || SET.take().unwrap().total());
        update.join().unwrap();
        let taken = taker.join().unwrap();
        let rest = SET.take().unwrap().total();
        assert_eq!((taken.a + rest.a, taken.b + rest.b), (1, 2), "lost or counted twice");
        TAKEN.saw((taken.a, rest.a));
    });
    TAKEN.assert_exactly([(0, 1), (1, 0)]);
}
