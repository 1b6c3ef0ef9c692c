//! Budgets: hard limits with stocks on every CPU.
//!
//! ```text
//!   reservation  builder  used     what a user holds, makes, sees
//!            \    |    /
//!           account          the protocol
//!            /    \
//!       central  exceeded    the middle, one word | why it refused
//! ```

mod account;
mod builder;
mod central;
mod exceeded;
mod reservation;
mod used;

pub use account::{Budget, StaticBudget};
pub use builder::BudgetBuilder;
pub use exceeded::LimitExceeded;
pub use reservation::Reservation;
