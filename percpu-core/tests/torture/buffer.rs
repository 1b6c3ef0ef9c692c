//! Items of a word: one at a time through a stack.

use std::sync::OnceLock;

use percpu_core::PerCpuStack;

use crate::harness::Case;
use crate::tokens::{self, Store};

pub const CASE: Case = Case {
    points: &[3, 4, 6, 7, 8],
    prepare,
    worker: |thread, run| tokens::worker(thread, run, &STORE),
    remote: |run| tokens::remote(run, &STORE),
    handler,
    enough: tokens::enough,
    check: || tokens::check(&STORE),
};

static STACK: OnceLock<PerCpuStack<usize>> = OnceLock::new();

fn stack() -> &'static PerCpuStack<usize> {
    STACK.get().expect("prepared")
}

const STORE: Store = Store {
    push: |tokens| tokens.iter().take_while(|&&token| stack().push(token).is_ok()).count(),
    pop: |hand, most| {
        for token in std::iter::from_fn(|| stack().pop()).take(most) {
            tokens::came_out(token);
            hand.push(token);
        }
    },
    drain: |unit, hand| {
        stack()
            .drain_unit(unit, |token| {
                tokens::came_out(token);
                hand.push(token);
            })
            .unwrap();
    },
};

fn prepare() {
    assert!(STACK.set(PerCpuStack::with_capacity(100).unwrap()).is_ok());
    tokens::prepare();
}

fn handler() {
    let Some(token) = stack().pop() else { return };
    tokens::came_out(token);
    tokens::goes_in(token);
    if stack().push(token).is_err() {
        tokens::did_not_go_in(token);
        tokens::went_astray(token);
    }
}
