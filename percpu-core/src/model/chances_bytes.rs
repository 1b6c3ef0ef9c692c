//! [`Chances`] of the plain engine: as bytes say.
//!
//! A byte is for one chance: the one that comes after as many others as its upper six
//! bits say. Its lowest bit: the chance is taken, a section is aborted or the thread
//! migrated. The next bit: others run on the CPU meanwhile, which is an abort too. One
//! byte more goes to them. No bytes, no faults.

use core::cell::{Cell, RefCell};

const TAKEN: u8 = 1;
const INTERRUPTED: u8 = 2;

/// What runs on the CPU meanwhile.
pub(super) type Interrupt = Box<dyn FnMut(u8)>;

/// Which chances the kernel takes in a run.
pub(super) struct Chances {
    /// Those left, the next one last.
    bytes: RefCell<Vec<u8>>,
    /// How many chances pass before that byte's.
    pass: Cell<u8>,
    /// What the last chance had for the interrupt, until it has run.
    pending: Cell<Option<u8>>,
    interrupt: RefCell<Option<Interrupt>>,
}

impl Chances {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let bytes: Vec<u8> = bytes.iter().rev().copied().collect();
        let pass = bytes.last().map_or(0, |byte| byte >> 2);
        Self {
            bytes: RefCell::new(bytes),
            pass: Cell::new(pass),
            pending: Cell::default(),
            interrupt: RefCell::default(),
        }
    }

    /// What is to run where a byte says so.
    pub(super) fn set_interrupt(&self, interrupt: Option<Interrupt>) {
        // The old one is dropped when nothing is borrowed.
        drop(self.interrupt.replace(interrupt));
    }

    /// Whether the kernel takes this chance.
    pub(super) fn takes(&self, _thread: u32, _chance: u32) -> bool {
        if let Some(pass) = self.pass.get().checked_sub(1) {
            self.pass.set(pass);
            return false;
        }
        let mut bytes = self.bytes.borrow_mut();
        let Some(byte) = bytes.pop() else { return false };
        if byte & INTERRUPTED != 0 {
            self.pending.set(Some(bytes.pop().unwrap_or(0)));
        }
        self.pass.set(bytes.last().map_or(0, |byte| byte >> 2));
        byte & (TAKEN | INTERRUPTED) != 0
    }

    /// Runs the interrupt, if the last chance was to and none is running already.
    pub(super) fn interlude(&self) {
        let Some(byte) = self.pending.take() else { return };
        let Ok(mut interrupt) = self.interrupt.try_borrow_mut() else { return };
        if let Some(interrupt) = &mut *interrupt {
            interrupt(byte);
        }
    }
}
