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
# In one folder, and with a target named: what runs while they are compiled is the same.
shape() {
    RUSTFLAGS="$1" cargo clippy --target "$2" --target-dir "${CARGO_TARGET_DIR:-target}/shapes" \
        --all-targets "${@:3}" -- -D warnings
}
here=$(host)
shape "--cfg percpu_force_portable" "$here" -p percpu-core
# No build script asks for this one, so what the crate depends on is as it was.
cargo clippy -p percpu-core --all-targets -- -D warnings --cfg percpu_inject
shape "--cfg percpu_loom" "$here" "${LIBRARIES[@]}" -p tickets
# The other engines of the pretend machine.
for engine in percpu_shuttle percpu_plain; do
    shape "--cfg percpu_loom --cfg $engine" "$here" -p percpu-core -p tickets
done

other=aarch64-unknown-linux-gnu
if rustup --quiet target add "$other" > /dev/null 2>&1; then
    shape "" "$other" -p percpu-core
else
    did_not_run "clippy for $other (rustup cannot add the target)"
fi
