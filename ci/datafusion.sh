#!/usr/bin/env bash
# percpu-datafusion: lints, documentation, tests with queries that spill, and the
# comparison with DataFusion's own pools (the first argument is its rounds, else 9).
# Not in the gate: it builds DataFusion.
. "$(dirname "$0")/lib.sh"
begin datafusion
cd percpu-datafusion
# One profile, so that DataFusion is built once for tests and benchmark.
cargo test --release --locked
PERCPU_MODE=portable cargo test --release --locked --tests
cargo clippy --release --locked --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --no-deps
cargo bench --locked --bench pools -- "${1:-9}"
