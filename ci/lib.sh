# What the scripts beside this one share. Sourced, not run.
#
#   begin NAME          says that NAME starts; its end, with seconds, says itself
#   cfg_flags CFG ...   RUSTFLAGS of a build with cfgs of the project's
#   need COMMAND PACKAGE
#                       installs a Debian package if the command is missing
#   did_not_run WHAT    for a part whose tool cannot be had here; .ci/run repeats it

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
