//! [`Pause`]: waiting for what nobody wakes one up for, longer with each turn.

/// Waiting, turn by turn.
#[derive(Debug, Default)]
pub(super) struct Pause {
    turns: u32,
}

impl Pause {
    /// Short at first: most guards are gone in a moment. Then others may run, and then
    /// the CPU is left alone, for a millisecond at most.
    pub(super) fn turn(&mut self) {
        #[cfg(not(percpu_loom))]
        {
            const SPINS: u32 = 7;
            const YIELDS: u32 = 24;
            match self.turns {
                turn @ 0..SPINS => (0..1 << turn).for_each(|_| core::hint::spin_loop()),
                SPINS..YIELDS => std::thread::yield_now(),
                turn => {
                    let micros = 1000.min(10 << (turn - YIELDS).min(7));
                    std::thread::sleep(core::time::Duration::from_micros(micros));
                }
            }
        }
        #[cfg(percpu_loom)]
        percpu_core::model::loom::thread::yield_now();
        self.turns = self.turns.saturating_add(1);
    }
}
