//! One hot word more than a cache line holds: a program of its own, as that is
//! an error for all statics of a program.

#![cfg(all(target_os = "linux", target_pointer_width = "64", not(any(miri, percpu_loom))))]

use percpu_core::{Error, PerCpu, atomic::AtomicU64, percpu};

percpu! {
    #[hot] static A: AtomicU64 = AtomicU64::new(0);
    #[hot] static B: AtomicU64 = AtomicU64::new(0);
    #[hot] static C: AtomicU64 = AtomicU64::new(0);
    #[hot] static D: AtomicU64 = AtomicU64::new(0);
    #[hot] static E: AtomicU64 = AtomicU64::new(0);
    #[hot] static F: AtomicU64 = AtomicU64::new(0);
    #[hot] static G: AtomicU64 = AtomicU64::new(0);
    #[hot] static H: AtomicU64 = AtomicU64::new(0);
    #[hot] static TOO_MUCH: AtomicU64 = AtomicU64::new(0);
}

/// Row SV-09.
#[test]
fn more_hot_words_than_a_cache_line_are_an_error_at_the_start() {
    let error = Error::HotTooLarge { size: 72, max: 64 };
    assert_eq!(percpu_core::init(), Err(error.clone()));
    assert_eq!(PerCpu::<AtomicU64>::zeroed().map(drop), Err(error.clone()));
    assert_eq!(TOO_MUCH.prepare(), Err(error.clone()));
    for word in [&A, &B, &C, &D, &E, &F, &G, &H, &TOO_MUCH] {
        let panic = std::panic::catch_unwind(|| word.inc()).expect_err("hot words are too many");
        let text = panic.downcast::<String>().expect("a text");
        assert!(text.contains(&error.to_string()), "{text}");
    }
}
