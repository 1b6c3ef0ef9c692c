//! A host with its own copy of the core, for plug-ins with theirs.

use percpu_core::{atomic::AtomicU64, percpu};

mod host;

percpu! { static OF_HOST: AtomicU64 = AtomicU64::new(0); }

fn main() {
    work::count("host's static, before", &OF_HOST);
    host::visit_all();
    work::count("host's static, after", &OF_HOST);
    work::print_mode();
}
