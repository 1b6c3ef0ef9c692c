#!/usr/bin/env bash
# tracing-subscriber's own tests, with percpu_slab::compat in the place of its
# sharded-slab: every test that passes with the original must pass with ours.
# Not in the gate: it builds tracing-subscriber from the registry, twice.
#
#   ci/tracing.sh [rounds]     how often the tests run with ours, else once
. "$(dirname "$0")/lib.sh"
begin tracing
need python3 python3
root=$PWD
rounds=${1:-1}
stage=${CARGO_TARGET_DIR:-$root/target}/tracing
mkdir -p "$stage"
stage=$(cd "$stage" && pwd)
unset CARGO_TARGET_DIR
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0

# The versions that this was tried with. The tests import tracing-mock; the package does
# not name it.
subscriber=0.3.23
mock=0.1.0-beta.3

# Their sources, as the registry serves them.
mkdir -p "$stage/fetch/src"
touch "$stage/fetch/src/lib.rs"
cat > "$stage/fetch/Cargo.toml" <<MANIFEST
[package]
name = "fetch"
version = "0.0.0"
edition = "2021"

[dependencies]
tracing-subscriber = "=$subscriber"
tracing-mock = "=$mock"

[workspace]
MANIFEST
(cd "$stage/fetch" && cargo vendor -q vendor > /dev/null)

# workspace FOLDER [PATCH]: one with tracing-subscriber as its member.
workspace() {
    local into=$stage/$1 patch=${2:-}
    rm -rf "$into"
    mkdir -p "$into"
    cp -r "$stage/fetch/vendor/tracing-subscriber" "$into"
    rm -f "$into/tracing-subscriber/.cargo-checksum.json"
    cat >> "$into/tracing-subscriber/Cargo.toml" <<MANIFEST

[dev-dependencies.tracing-mock]
version = "=$mock"
features = ["tracing-subscriber"]
MANIFEST
    cat > "$into/Cargo.toml" <<MANIFEST
[workspace]
resolver = "2"
members = ["tracing-subscriber"]

[patch.crates-io]
tracing-subscriber = { path = "tracing-subscriber" }
$patch
MANIFEST
}

# on_slab FOLDER: what its sharded-slab is, and what that is built on.
on_slab() {
    (cd "$stage/$1" && cargo tree -q -p tracing-subscriber --all-features -e normal --prefix none) |
        grep -E '^(sharded-slab|percpu-slab) ' | sort -u
}

# run FOLDER: its tests, a line each in FOLDER.tests.
run() {
    (cd "$stage/$1" && cargo test -p tracing-subscriber --all-features --no-fail-fast \
        --target-dir "$stage/target") > "$stage/$1.log" 2>&1 || true
    awk '$1 == "Running" { target = $2 == "unittests" ? $3 : $2 }
         $1 == "Doc-tests" { target = "doc" }
         /^test .* \.\.\. (ok|FAILED|ignored)/ {
             outcome = name = $0
             sub(/^test .* \.\.\. /, "", outcome)
             sub(/[ ,].*/, "", outcome)
             sub(/^test /, "", name)
             sub(/ \.\.\. .*/, "", name)
             print outcome, target ":", name
         }' "$stage/$1.log" | sort > "$stage/$1.tests"
    if grep -q 'could not compile' "$stage/$1.log" || ! grep -q '^ok doc:' "$stage/$1.tests"; then
        tail -n 40 "$stage/$1.log"
        echo "FAILED: the tests of $1 did not run"
        return 1
    fi
}

# count OUTCOME FOLDER
count() { grep -c "^$1 " "$stage/$2.tests" || true; }
told() { echo "$1: $(count ok "$1") passed, $(count FAILED "$1") failed, $(count ignored "$1") ignored"; }

# Under a cfg percpu-core depends on loom, which depends on tracing-subscriber: a circle
# for cargo, cfg or not. Nothing is built of loom, so an empty one will do.
mkdir -p "$stage/loom/src"
touch "$stage/loom/src/lib.rs"
loom=$(sed -n 's/^loom = "\(.*\)"/\1/p' Cargo.toml)
printf '[package]\nname = "loom"\nversion = "%s"\n' "$loom" > "$stage/loom/Cargo.toml"

workspace original
workspace ours "sharded-slab = { path = \"$root/percpu-slab/tests/tracing\" }
loom = { path = \"../loom\" }"
# The same versions of all else.
(cd "$stage/original" && cargo generate-lockfile -q)
cp "$stage/original/Cargo.lock" "$stage/ours/Cargo.lock"
(cd "$stage/ours" && cargo update -q -w)

echo "original: $(on_slab original | paste -s -d ,)"
echo "ours: $(on_slab ours | paste -s -d ,)"
if on_slab original | grep -q percpu-slab || ! on_slab ours | grep -qF "$root/percpu-slab)"; then
    echo "FAILED: sharded-slab is not what it should be"
    exit 1
fi

run original
told original
failed=0
for round in $(seq "$rounds"); do
    run ours
    told ours
    # What passes with the original, and does not with ours.
    if lost=$(comm -23 <(grep '^ok ' "$stage/original.tests") <(grep '^ok ' "$stage/ours.tests")) &&
        [ -n "$lost" ]; then
        echo "FAILED with ours alone, in round $round:"
        echo "${lost//ok /  }"
        failed=1
    fi
done
echo "failed with both, so not ours to mend:"
comm -12 <(grep '^FAILED ' "$stage/original.tests") <(grep '^FAILED ' "$stage/ours.tests") |
    sed 's/^FAILED/ /'
[ "$failed" -eq 0 ]
