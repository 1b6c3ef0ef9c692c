//! [`RefOptions`]: how a reference count starts.

/// How a reference count starts, and what it may do later: the kernel's init flags.
///
/// | | starts as |
/// | --- | --- |
/// | nothing | per-CPU, one reference |
/// | [`init_atomic`](Self::init_atomic) | atomic, one reference; stays atomic until `switch_to_percpu` |
/// | [`init_dead`](Self::init_dead) | atomic and dead, no reference |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "nothing is made until it is used"]
pub struct RefOptions {
    pub(super) atomic: bool,
    pub(super) dead: bool,
    pub(super) reinit: bool,
}

impl RefOptions {
    /// No flag.
    pub const fn new() -> Self {
        Self { atomic: false, dead: false, reinit: false }
    }

    /// Starts in atomic mode, and stays so, dead and alive again, until
    /// `switch_to_percpu`. Implies [`allow_reinit`](Self::allow_reinit).
    #[doc(alias = "PERCPU_REF_INIT_ATOMIC")]
    pub const fn init_atomic(mut self) -> Self {
        self.atomic = true;
        self.reinit = true;
        self
    }

    /// Starts dead and without a reference. Implies
    /// [`allow_reinit`](Self::allow_reinit).
    #[doc(alias = "PERCPU_REF_INIT_DEAD")]
    pub const fn init_dead(mut self) -> Self {
        self.dead = true;
        self.reinit = true;
        self
    }

    /// May go back from atomic to per-CPU mode, and from dead to alive.
    ///
    /// In the kernel the words of the CPUs are freed early without this. Here they
    /// are kept until the reference count is dropped, in any case: a thread without
    /// restartable sequences finds in the word itself that it is closed.
    #[doc(alias = "PERCPU_REF_ALLOW_REINIT")]
    pub const fn allow_reinit(mut self) -> Self {
        self.reinit = true;
        self
    }
}

/// What mode changes look at.
#[derive(Debug)]
pub(super) struct Modes {
    /// Whether the switch is.
    pub(super) closed: bool,
    /// Atomic until `switch_to_percpu`, dead or alive.
    pub(super) sticky: bool,
    /// Whether the switch may be opened again.
    pub(super) reinit: bool,
}
