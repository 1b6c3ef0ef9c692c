//! The main job: a page cache that counts itself. See `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    percpu_examples::kvcache::main()
}
