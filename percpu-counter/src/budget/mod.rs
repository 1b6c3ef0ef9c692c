//! Budgets: hard limits with stocks on every CPU.
//!
//! ```text
//!   reservation  builder     what a user holds
//!            \    /
//!           account          the protocol
//!            /    \
//!       central  exceeded    the middle, one word | why it refused
//! ```

mod account;
mod builder;
mod central;
mod exceeded;
mod reservation;

pub use account::{Budget, StaticBudget};
pub use builder::BudgetBuilder;
pub use exceeded::LimitExceeded;
pub use reservation::Reservation;
