//! [`purge_once`]: what is done when there is no room.

/// Runs `attempt`. If it fails for want of room, runs `purge`, which releases what
/// is kept without need, and `attempt` once more; what that says is the answer. So
/// two callers that take each other's room do not try for ever.
///
/// `is_no_room` says for which errors a purge is worth it.
pub(crate) fn purge_once<T, E>(
    mut attempt: impl FnMut() -> Result<T, E>,
    is_no_room: impl FnOnce(&E) -> bool,
    purge: impl FnOnce(),
) -> Result<T, E> {
    match attempt() {
        Err(error) if is_no_room(&error) => {
            purge();
            attempt()
        }
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    /// What happened: attempts and purges, when `failures` attempts fail.
    fn run(failures: u32, worth: bool) -> (Result<u32, u32>, u32, u32) {
        let (attempts, purges) = (Cell::new(0), Cell::new(0));
        let answer = purge_once(
            || {
                attempts.set(attempts.get() + 1);
                if attempts.get() > failures { Ok(attempts.get()) } else { Err(attempts.get()) }
            },
            |_| worth,
            || {
                assert_eq!(attempts.get(), 1, "between the attempts");
                purges.set(purges.get() + 1);
            },
        );
        (answer, attempts.get(), purges.get())
    }

    #[test]
    fn a_first_success_purges_nothing() {
        assert_eq!(run(0, true), (Ok(1), 1, 0));
    }

    #[test]
    fn a_failure_purges_once_and_tries_again() {
        assert_eq!(run(1, true), (Ok(2), 2, 1));
    }

    #[test]
    fn a_third_attempt_is_not_made() {
        assert_eq!(run(u32::MAX, true), (Err(2), 2, 1));
    }

    #[test]
    fn an_error_that_room_does_not_cure_is_final() {
        assert_eq!(run(u32::MAX, false), (Err(1), 1, 0));
    }
}
