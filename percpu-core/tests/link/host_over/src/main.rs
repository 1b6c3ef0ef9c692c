//! A host that shares the dylib that holds the core with its plug-ins.

use percpu_core::{atomic::AtomicU64, percpu};

#[path = "../../host/src/host.rs"]
mod host;

percpu! { static OF_HOST: AtomicU64 = AtomicU64::new(0); }

fn main() {
    work::count("host's static, before", &OF_HOST);
    host::visit_all();
    work::count("host's static, after", &OF_HOST);
    shared::count();
    work::print_mode();
}
