# What the scripts beside this one share. Sourced, not run.
#
#   begin NAME          says that NAME starts; its end, with seconds, says itself
#   cfg_flags CFG ...   RUSTFLAGS of a build with cfgs of the project's
#   need COMMAND PACKAGE
#                       installs a Debian package if the command is missing
#   did_not_run WHAT    for a part whose tool cannot be had here; .ci/run repeats it
#   built ARGS          what `cargo test ARGS` would run: a binary a line
#   list_models ARGS    models that `cargo test ARGS` builds: name and binary a line
#   host                the target that the compiler runs on
#   fuzz_build          every fuzz target, and the fuzzer in it
#   fuzz_list           their names
#   fuzz_run T [ARGS]   a target on what is kept of it, and on what was found before

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The crates that users depend on. Benches and examples have rivals and databases
# among their dependencies, which say nothing about a cfg of ours.
LIBRARIES=(-p percpu-core -p percpu-counter -p percpu-slab)

begin() {
    NAME=$1
    SECONDS=0
    echo "== $NAME"
    trap finish EXIT
    # Who is stopped has not passed.
    trap 'exit 143' TERM
}

finish() {
    local code=$?
    if [ "$code" -eq 0 ]; then
        echo "== $NAME: passed in $SECONDS s"
    else
        echo "== $NAME: FAILED after $SECONDS s"
    fi
    exit "$code"
}

# Other flags rebuild everything, so each set of them has a target folder of its
# own, which scripts with the same flags share.
cfg_flags() {
    export RUSTFLAGS="${*/#/--cfg }"
    export CARGO_TARGET_DIR="target/${!#}"
}

need() {
    command -v "$1" > /dev/null && return
    if ! command -v apt-get > /dev/null || [ "$(id -u)" -ne 0 ]; then
        echo "missing: $1 (Debian package $2)" >&2
        return 1
    fi
    echo "installing $2"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq "$2" > /dev/null 2>&1 && return
    # The list of packages may be old, or not there yet.
    apt-get update -qq > /dev/null 2>&1 || true
    apt-get install -y -qq "$2" > /dev/null
}

did_not_run() {
    echo "did not run: $*"
}

built() {
    cargo test -q "$@" --no-run --message-format=json |
        sed -nE 's/.*"executable":"([^"]+)".*/\1/p'
}

list_models() {
    local binary
    built "$@" | while read -r binary; do
        "$binary" --list | sed -nE "s|^(.*): test\$|\1 $binary|p"
    done
}

host() { rustc -vV | sed -n 's/^host: //p'; }

fuzz_build() {
    local host flags pass fuzzer
    host=$(host)
    # As cargo-fuzz builds them; nothing has to be installed for it. The sanitizer's flags
    # want a nightly compiler; so said, the stable one takes them too, and the fuzzer runs
    # the compiler of the other scripts.
    export RUSTC_BOOTSTRAP=1
    flags="-Dwarnings -Cdebug-assertions --cfg fuzzing -Zsanitizer=address -Cpasses=sancov-module"
    for pass in level=4 inline-8bit-counters pc-table trace-compares stack-depth; do
        flags+=" -Cllvm-args=-sanitizer-coverage-$pass"
    done
    local build=(cargo build --release --target "$host" --target-dir fuzz/target)
    RUSTFLAGS=$flags "${build[@]}" --manifest-path fuzz/Cargo.toml
    # On pretend CPUs: the crate is another one there, and so is its manifest. The fuzzer is
    # the same; it need not be built again.
    fuzzer=$(ls -t "fuzz/target/$host/release/build"/*/out/libfuzzer.a | head -n 1)
    CUSTOM_LIBFUZZER_PATH=$PWD/$fuzzer RUSTFLAGS="$flags --cfg percpu_loom --cfg percpu_plain" \
        "${build[@]}" --manifest-path fuzz/pretend/Cargo.toml
    FUZZ_TARGETS=fuzz/target/$host/release
    export FUZZ_TARGETS
}

fuzz_list() {
    basename -s .rs fuzz/fuzz_targets/*.rs fuzz/pretend/fuzz_targets/*.rs
}

# What it finds goes to target/, not to the corpus; an input that fails, too. At most
# 2 GiB, half a minute an input and 2 KiB of it.
fuzz_run() {
    local target=$1 found=target/fuzz-found/$1 failed=target/fuzz-failed/$1
    shift
    mkdir -p "$found" "$failed"
    local inputs=("$found")
    [ ! -d "fuzz/corpus/$target" ] || inputs+=("fuzz/corpus/$target")
    [ ! -d "fuzz/regressions/$target" ] || inputs+=("fuzz/regressions/$target")
    # Long inputs from the start: one of a few steps reaches little.
    local options=(-rss_limit_mb=2048 -timeout=30 -max_len=2048 -len_control=0 -print_final_stats=1)
    options+=(-artifact_prefix="$failed/")
    [ ! -f "fuzz/dict/$target.dict" ] || options+=(-dict="fuzz/dict/$target.dict")
    "$FUZZ_TARGETS/$target" "${inputs[@]}" "${options[@]}" "$@"
}
