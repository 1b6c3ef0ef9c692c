//! A list whose nodes are freed when they come out and made anew when they go in, so
//! that addresses come again at once.

use percpu_core::{ListNode, LocalList, percpu};

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

percpu! { static LIST: LocalList<usize> = LocalList::new(); }

const STORE: Store = Store {
    push: |tokens| {
        let pushed = |&token: &usize| LIST.push(ListNode::new(token)).is_ok();
        tokens.iter().take_while(|&token| pushed(token)).count()
    },
    pop: |hand, most| {
        for node in std::iter::from_fn(|| LIST.pop()).take(most) {
            tokens::came_out(**node);
            hand.push(node.into_value());
        }
    },
    drain: |unit, hand| {
        LIST.drain_on(unit, |node| {
            tokens::came_out(**node);
            hand.push(node.into_value());
        })
        .unwrap();
    },
};

fn prepare() {
    LIST.prepare().unwrap();
    tokens::prepare();
}

/// Frees nothing.
fn handler() {
    let Some(node) = LIST.pop() else { return };
    let token = **node;
    tokens::came_out(token);
    tokens::goes_in(token);
    if let Err(node) = LIST.push(node) {
        tokens::did_not_go_in(token);
        tokens::went_astray(token);
        Box::leak(node);
    }
}
