//! How many objects wait for an epoch: whoever finds none left comes after all that was
//! done to them.
//!
//! # Safety
//!
//! Shares loom's cells between threads; loom fails an execution in which two accesses
//! are not ordered.

#![allow(unsafe_code)]

use std::sync::Arc;

use percpu_core::model::loom::cell::Cell;
use percpu_core::model::{Builder, Outcomes};
use percpu_slab::__model::Handed;

#[derive(Default)]
struct Model {
    handed: Handed,
    objects: [Object; 2],
}

struct Object(Cell<bool>);

impl Default for Object {
    fn default() -> Self {
        Self(Cell::new(false))
    }
}

// SAFETY: loom orders the accesses, or fails.
unsafe impl Sync for Object {}
// SAFETY: as above.
unsafe impl Send for Object {}

/// Two threads free an object each; a third looks whether all are free, as a barrier does.
#[test]
fn barrier_against_two_that_free() {
    static FREE: Outcomes<bool> = Outcomes::new();
    Builder::new().faults(0).check(|machine| {
        let model = Arc::new(Model::default());
        model.handed.add(2);
        let frees = [0_u32, 1].map(|i| {
            let theirs = Arc::clone(&model);
            machine.spawn_on(i, move || {
                theirs.objects[i as usize].0.set(true);
                theirs.handed.done(1);
            })
        });
        let theirs = Arc::clone(&model);
        let looks = machine.spawn_on(0, move || {
            let none = theirs.handed.is_none();
            if none {
                assert!(theirs.objects.iter().all(|object| object.0.get()), "told too early");
            }
            none
        });
        frees.into_iter().for_each(|free| free.join().unwrap());
        FREE.saw(looks.join().unwrap());
    });
    FREE.assert_exactly([false, true]);
}
