//! Where copies live: layout, chunks, units.

mod layout;
mod layout_error;
mod layout_search;
mod layout_text;
mod sanity;
mod sizes;

pub use layout::{Group, Layout};
pub use layout_error::LayoutError;
pub use sanity::SanityError;
pub use sizes::Sizes;
