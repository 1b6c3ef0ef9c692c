//! Much in one commit: records of 256 bytes through a buffer, and many items at once
//! through a stack.

use std::sync::OnceLock;

use percpu_core::{LocalBuffer, PerCpuStack, percpu};

use crate::harness::Case;
use crate::tokens::{self, MOST, Store};

pub const CASE: Case = Case {
    points: &[3, 4, 6, 7, 8],
    prepare,
    worker: |thread, run| tokens::worker(thread, run, &STORE),
    remote: |run| tokens::remote(run, &STORE),
    handler,
    enough: tokens::enough,
    check: || tokens::check(&STORE),
};

type Record = [usize; 32];

percpu! { static BUFFER: LocalBuffer<Record, 12> = LocalBuffer::new(); }

static STACK: OnceLock<PerCpuStack<usize>> = OnceLock::new();

fn stack() -> &'static PerCpuStack<usize> {
    STACK.get().expect("prepared")
}

/// A token in each word, as another number.
fn record(token: usize) -> Record {
    std::array::from_fn(|n| token.wrapping_mul(2 * n + 1))
}

fn token(found: Record) -> usize {
    assert_eq!(found, record(found[0]), "torn");
    tokens::came_out(found[0]);
    found[0]
}

const STORE: Store = Store {
    // Few go into the buffer, many into the stack.
    push: |tokens| match tokens {
        [one] => BUFFER.push(record(*one)).is_ok().into(),
        many if many.len() % 4 == 0 => {
            many.iter().take_while(|&&token| BUFFER.push(record(token)).is_ok()).count()
        }
        many => stack().push_batch(many),
    },
    pop: |hand, most| {
        if most % 4 == 0 {
            let popped = std::iter::from_fn(|| BUFFER.pop()).take(most);
            return hand.extend(popped.map(token));
        }
        let mut batch = [usize::MAX; MOST];
        let popped = stack().pop_batch(&mut batch[..most]);
        batch[..popped].iter().for_each(|&token| tokens::came_out(token));
        hand.extend(&batch[..popped]);
    },
    drain: |unit, hand| {
        BUFFER.drain_on(unit, |record| hand.push(token(record))).unwrap();
        stack()
            .drain_unit(unit, |token| {
                tokens::came_out(token);
                hand.push(token);
            })
            .unwrap();
    },
};

fn prepare() {
    BUFFER.prepare().unwrap();
    assert!(STACK.set(PerCpuStack::with_capacity(200).unwrap()).is_ok());
    tokens::prepare();
}

fn handler() {
    if let Some(found) = BUFFER.pop() {
        put_back(token(found), |token| BUFFER.push(record(token)).is_ok());
    }
    let mut batch = [usize::MAX; 3];
    let popped = stack().pop_batch(&mut batch);
    for &token in &batch[..popped] {
        tokens::came_out(token);
        put_back(token, |token| stack().push(token).is_ok());
    }
}

fn put_back(token: usize, push: impl FnOnce(usize) -> bool) {
    tokens::goes_in(token);
    if !push(token) {
        tokens::did_not_go_in(token);
        tokens::went_astray(token);
    }
}
