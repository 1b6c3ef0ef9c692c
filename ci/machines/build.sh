# Test binaries for machines.sh. Sourced, not run; wants $work.

# For this machine's architecture they are those of ci/test.sh, with the libraries that they load.
# For others they are static, and optimised a little so that they end; they check what debug
# builds check. What they use besides us may be slow: it is not to be built for long.
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=line-tables-only
native=$(uname -m)-unknown-linux-gnu
profile=(--release --config profile.release.opt-level=1 --config profile.release.debug=0
    --config profile.release.debug-assertions=true --config profile.release.overflow-checks=true
    --config 'profile.release.package."*".opt-level=0')

# build FOLDER TARGET FLAGS ARGUMENTS...: into $work/bin/TARGET/FOLDER/CRATE/TEST; unit tests are
# called `lib`. FLAGS are for our own crates; what they depend on is built once for all.
build() {
    local folder=$1 target=$2 flags=$3 into=$work/bin/$2/$1 list="$work/$1-$2.json" wrapper strip=strip
    local command=(cargo test -q --no-run --all-features --message-format=json) with=()
    shift 3
    # What a test that is no more left there would run with the others.
    rm -rf "$into"
    mkdir -p "$into" "$work/wrap"
    if [ -n "$flags" ]; then
        # By the wrapper's name cargo tells builds with different flags apart.
        wrapper=$work/wrap/$folder
        printf '#!/bin/sh\nexec "$@" %s\n' "$flags" > "$wrapper"
        chmod +x "$wrapper"
        with=("RUSTC_WORKSPACE_WRAPPER=$wrapper")
    fi
    if [ "$target" = "$native" ]; then
        env "${with[@]}" "${command[@]}" "$@" > "$list" || return 1
    else
        [ "${target%%-*}" = "$(uname -m)" ] || strip=${target%%-*}-linux-gnu-strip
        with+=('RUSTFLAGS=-C target-feature=+crt-static')
        env "${with[@]}" CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
            "${command[@]}" "${profile[@]}" --target "$target" --target-dir "$work/build/all" "$@" > "$list" || return 1
    fi
    copies "$list" "$into" "$strip"
}

# copies JSON FOLDER STRIP: the binaries that cargo names there.
copies() {
    local crate kind file binary
    sed -nE 's#.*"src_path":"[^"]*/(percpu-[a-z]+)/(src|tests)/([^"]*)".*"executable":"([^"]*)".*#\1 \2 \3 \4#p' "$1" |
        while read -r crate kind file binary; do
            file=${file%.rs}
            file=${file%/main}
            [ "$kind" = tests ] || file=lib
            mkdir -p "$2/$crate"
            "$3" -g -o "$2/$crate/$file" "$binary"
        done
}

# libraries BINARY ROOT: what it loads, below ROOT.
libraries() {
    local file
    { ldd "$1" 2> /dev/null || true; } | grep -oE '/[^ ]+' | while read -r file; do
        [ -e "$2$file" ] || { mkdir -p "$2$(dirname "$file")" && cp -L "$file" "$2$file"; }
    done
}
