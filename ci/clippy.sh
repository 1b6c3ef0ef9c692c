#!/usr/bin/env bash
# Clippy with warnings denied, in each of the shapes that the sources have: as
# they are, portable bodies only, with delay points, on loom's pretend machine, and for
# aarch64. But for the pretend machine these shapes are the core's alone.
. "$(dirname "$0")/lib.sh"
begin clippy

cargo clippy "${LIBRARIES[@]}" -- -D warnings
cargo clippy --workspace --all-targets --all-features -- -D warnings
# Each integration by itself: what they share is there for any of them.
for feature in metrics prometheus prometheus-client serde; do
    cargo clippy -p percpu-counter --features "$feature" -- -D warnings
done
for feature in allocator-api2 crossbeam-epoch prometheus serde tracing; do
    cargo clippy -p percpu-slab --features "$feature" -- -D warnings
done
(cfg_flags percpu_force_portable && cargo clippy -p percpu-core --all-targets -- -D warnings)
# No build script asks for this one, so what the crate depends on is as it was.
cargo clippy -p percpu-core --all-targets -- -D warnings --cfg percpu_inject
(cfg_flags percpu_loom && cargo clippy "${LIBRARIES[@]}" -p tickets --all-targets -- -D warnings)
# The other engines of the pretend machine.
for engine in percpu_shuttle percpu_plain; do
    (cfg_flags percpu_loom "$engine" && cargo clippy -p percpu-core -p tickets --all-targets -- -D warnings)
done

other=aarch64-unknown-linux-gnu
if rustup --quiet target add "$other" > /dev/null 2>&1; then
    cargo clippy -p percpu-core --all-targets --target "$other" -- -D warnings
else
    did_not_run "clippy for $other (rustup cannot add the target)"
fi
