#!/usr/bin/env bash
# How programs are linked and loaded: the fixtures of percpu-core/tests/link,
# built in many ways and run, each with real operations and exact sums.
#
#   ci/link.sh            all cases
#   ci/link.sh plugins    one: kinds, dylib, plugins, versions, own, size, quiet, lint
. "$(dirname "$0")/lib.sh"
begin link
root=$PWD
fixtures=$root/percpu-core/tests/link
out=${CARGO_TARGET_DIR:-$root/target}/link
mkdir -p "$out"
unset CARGO_TARGET_DIR
# No crate is looked up but those the workspace is locked to.
cp Cargo.lock "$fixtures/Cargo.lock"
host=$(host)
libc_registers='mode rseq (threads registered by libc)'
we_register='mode rseq (threads registered by percpu)'

# Compiled sooner: what is looked at is how programs are linked and loaded. What a release
# is by itself, `release` is and counts for the sizes.
export CARGO_PROFILE_RELEASE_LTO=off
as_released=CARGO_PROFILE_RELEASE_LTO=false

say() { echo "$*"; }
fail() { say "FAILED: $*"; exit 1; }

# build <folder> <rustflags> <cargo arguments>: into $out/<folder>.
build() {
    local into=$1 flags=$2 settings=()
    shift 2
    [ "$into" != kinds/release ] || settings=("$as_released")
    RUSTFLAGS="${RUSTFLAGS:-} $flags" env "${settings[@]}" cargo build -q --manifest-path "$fixtures/Cargo.toml" \
        --target-dir "$out/$into" "$@"
}

# expect <last line> <command>: runs it, prints its last line, compares.
expect() {
    local want=$1 log
    shift
    log=$("$@") || { echo "$log"; fail "exit $? from $*"; }
    [ "$(tail -n 1 <<<"$log")" = "$want" ] || { echo "$log"; fail "expected '$want' from $*"; }
}

# crashes <command>: killed by a segmentation fault, nothing else.
crashes() {
    local log code=0
    log=$("$@" 2>&1) || code=$?
    [ "$code" = 139 ] || { echo "$log"; fail "exit $code instead of a crash from $*"; }
}

linker_of() {
    if readelf -p .comment "$1" | grep "Linker: LLD" >/dev/null; then echo lld; else echo bfd; fi
}

# Without statics and with statics of several crates: linkers, optimisation,
# relocation models. The libraries are built once for each way of compiling; a way of
# linking is of the program alone.
kinds() {
    local name compiled want link program linker type lld folder profile
    local sysroot_lld
    sysroot_lld=$(rustc --print sysroot)/lib/rustlib/$host/bin/gcc-ld
    # Where rustc links with an lld of its own unless told not to.
    local bfd=
    [ "$host" != x86_64-unknown-linux-gnu ] || bfd=-Clinker-features=-lld
    lld="$bfd -Clink-arg=-fuse-ld=lld -Clink-arg=-B$sysroot_lld"
    while IFS='|' read -r name compiled want link; do
        name=${name// /} compiled=${compiled// /} want=${want// /}
        folder=kinds/$compiled
        local flags='' options=(--release) settings=()
        profile=release
        # A target named keeps flags away from build scripts.
        case $compiled in
        debug) options=() profile=debug ;;
        release) settings=("$as_released") ;;
        lto | thin) settings=(CARGO_PROFILE_RELEASE_LTO="${compiled/lto/fat}" CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1) ;;
        no-pie) flags=-Crelocation-model=static ;;
        static-pie) flags=-Ctarget-feature=+crt-static ;;
        static) flags='-Ctarget-feature=+crt-static -Crelocation-model=static' ;;
        esac
        if [ -n "$flags" ]; then
            options+=(--target "$host")
            profile=$host/release
        fi
        read -ra link <<< "$link"
        local package
        for package in plain across; do
            RUSTFLAGS="${RUSTFLAGS:-} $flags" env "${settings[@]}" cargo rustc -q \
                --manifest-path "$fixtures/Cargo.toml" --target-dir "$out/$folder" -p "$package" "${options[@]}" \
                -- "${link[@]}"
            program=$out/$folder/$profile/$package
            linker=$(linker_of "$program")
            type=$(readelf -hW "$program" | sed -n 's/ *Type: *\([A-Z]*\).*/\1/p')
            case $want in
            any | "$linker$type") ;;
            *) fail "$name: wanted $want, got $linker$type" ;;
            esac
            expect "$libc_registers" "$program"
            PERCPU_HARDENED=1 expect "$libc_registers" "$program"
            [[ $name != *-strips ]] || [ -z "$(nm "$program" 2> /dev/null)" ] ||
                fail "$name: $package has symbols"
            strip -o "$program-stripped" "$program"
            [ -z "$(nm "$program-stripped" 2> /dev/null)" ] || fail "$name: $package has symbols"
            expect "$libc_registers" "$program-stripped"
        done
        say "kinds: $name ($linker, $type): exact, stripped too, $libc_registers"
    done <<KINDS
    default           | debug      | any     |
    default-release   | release    | any     |
    bfd               | debug      | bfdDYN  | $bfd
    bfd-release       | release    | bfdDYN  | $bfd
    bfd-lto           | lto        | bfdDYN  | $bfd
    bfd-thin-lto      | thin       | bfdDYN  | $bfd
    lld-debug         | debug      | lldDYN  | $lld
    lld-release       | release    | lldDYN  | $lld
    lld-lto           | lto        | lldDYN  | $lld
    lld-thin-lto      | thin       | lldDYN  | $lld
    lld-strips        | release    | lldDYN  | $lld -Cstrip=symbols
    bfd-start-stop-gc | release    | bfdDYN  | $bfd -Clink-arg=-Wl,-z,start-stop-gc
    lld-start-stop-gc | release    | lldDYN  | $lld -Clink-arg=-Wl,-z,start-stop-gc
    bfd-no-pie        | no-pie     | bfdEXEC | $bfd
    lld-no-pie        | no-pie     | lldEXEC | $lld
    bfd-static-pie    | static-pie | bfdDYN  | $bfd
    lld-static-pie    | static-pie | lldDYN  | $lld
    bfd-static        | static     | bfdEXEC | $bfd
KINDS
}

# Where a Rust dylib finds the standard library and its neighbours.
dylib_path() { echo "$1:$(rustc --print target-libdir)"; }

# The core in a Rust dylib, statics in the dylib and in the executable.
dylib() {
    local profile flag
    for profile in debug release; do
        flag=(); [ $profile = release ] && flag=(--release)
        build dylib -Cprefer-dynamic -p over "${flag[@]}"
        local folder=$out/dylib/$profile
        readelf -dW "$folder/over" | grep 'NEEDED.*libshared.so' >/dev/null || fail "over holds the core"
        export LD_LIBRARY_PATH; LD_LIBRARY_PATH=$(dylib_path "$folder")
        expect "$libc_registers" "$folder/over"
        expect "$libc_registers" "$folder/over" dylib-first
        unset LD_LIBRARY_PATH
        say "dylib: $profile: statics of both and what passes between them exact, $libc_registers"
    done
}

# fifty <file>: so many copies, as the loader knows a file by its inode.
fifty() {
    local i base
    base=$out/copies/$(basename "$(dirname "$1")")-$(basename "$1" .so)
    mkdir -p "$out/copies"
    for i in $(seq 50); do
        cp "$1" "$base-$i.so"
        echo "$base-$i.so"
    done
}

# Plug-ins closed while threads block whose last section was theirs.
plugins() {
    local profile flag copies log hardened closed='50 plug-ins closed under blocked threads'
    rm -rf "$out/copies"
    for profile in debug release; do
        flag=(); [ $profile = release ] && flag=(--release)
        build own "" -p host -p plugin "${flag[@]}"
        mapfile -t copies < <(fifty "$out/own/$profile/libplugin.so")
        log=$("$out/own/$profile/host" "${copies[@]}") || { echo "$log"; fail "host $profile"; }
        grep -qF "$closed, 50 with sections" <<<"$log" || { echo "$log"; fail "host $profile"; }
        say "plugins: $profile: own core: $closed, $(tail -n 1 <<<"$log")"
        # No libc registration: the host's core registers, the plug-ins' may not.
        log=$(GLIBC_TUNABLES=glibc.pthread.rseq=0 "$out/own/$profile/host" "${copies[@]}") ||
            { echo "$log"; fail "host $profile without libc's registration"; }
        grep -qF "$closed, 0 with sections" <<<"$log" || { echo "$log"; fail "host $profile"; }
        [ "$(tail -n 1 <<<"$log")" = "$we_register" ] || { echo "$log"; fail "host $profile"; }

        build dylib -Cprefer-dynamic -p host_over -p plugin_over "${flag[@]}"
        local folder=$out/dylib/$profile
        mapfile -t copies < <(fifty "$folder/libplugin_over.so")
        log=$(LD_LIBRARY_PATH=$(dylib_path "$folder") "$folder/host_over" "${copies[@]}") ||
            { echo "$log"; fail "host_over $profile"; }
        grep -qF "$closed, 50 with sections" <<<"$log" || { echo "$log"; fail "host_over"; }
        say "plugins: $profile: core in a shared dylib: $closed, $(tail -n 1 <<<"$log")"

        build dylib -Cprefer-dynamic -p host_statics -p plugin_statics "${flag[@]}"
        mapfile -t copies < <(fifty "$folder/libplugin_statics.so" | head -n 8)
        for hardened in 0 1; do
            log=$(PERCPU_HARDENED=$hardened LD_LIBRARY_PATH=$(dylib_path "$folder") \
                "$folder/host_statics" "${copies[@]}") || { echo "$log"; fail "host_statics $profile"; }
        done
        say "plugins: $profile: $(tail -n 2 <<<"$log" | paste -s -d ,)"
    done

    # The test of the test: without pinning, both kinds crash.
    local no_pin='--cfg percpu_mutate="no_pin"'
    build own-no-pin "$no_pin" -p host -p plugin --release
    crashes "$out/own-no-pin/release/host" "$out/own-no-pin/release/libplugin.so"
    build dylib-no-pin "-Cprefer-dynamic $no_pin" -p host_over -p plugin_over --release
    local folder=$out/dylib-no-pin/release
    cp "$folder/libplugin_over.so" "$out/copies/no-pin.so"
    LD_LIBRARY_PATH=$(dylib_path "$folder") crashes "$folder/host_over" "$out/copies/no-pin.so"
    say "plugins: mutation no_pin is caught, by a crash, with either core"
}

# Two versions of the core in one binary.
versions() {
    local stage=$out/two log
    rm -rf "$stage"
    mkdir -p "$stage/core-0-2"
    cp -r "$fixtures/two/." "$stage"
    cp -r percpu-core/src percpu-core/build.rs percpu-core/Cargo.toml "$stage/core-0-2"
    sed -i "s#path = \"core-0-1\"#path = \"$root/percpu-core\"#" "$stage/Cargo.toml"
    # Out of the workspace, and 0.2.0; the development part is left behind.
    local version edition libc loom shuttle
    of_workspace() { sed -n "/^\[workspace/,/^\[profile/s/^$1 = //p" Cargo.toml; }
    edition=$(of_workspace edition) libc=$(of_workspace libc)
    loom=$(of_workspace loom) shuttle=$(of_workspace shuttle)
    sed -i -e '/^\[dev-dependencies\]/,$d' \
        -e 's/^version.workspace = true/version = "0.2.0"/' \
        -e "s/^edition.workspace = true/edition = $edition/" \
        -e "s/^libc.workspace = true/libc = $libc/" \
        -e "s/^loom.workspace = true/loom = $loom/" \
        -e "s/^shuttle.workspace = true/shuttle = $shuttle/" \
        -e '/^[a-z-]*\.workspace = true/d' "$stage/core-0-2/Cargo.toml"
    cp Cargo.lock "$stage/Cargo.lock"

    # As it is, cargo refuses: one core a program.
    if log=$(cargo build -q --manifest-path "$stage/Cargo.toml" --target-dir "$stage/target" 2>&1); then
        fail "cargo takes two packages that link percpu-core"
    fi
    grep -q 'links to the native library `percpu-core`' <<<"$log" ||
        { echo "$log"; fail "cargo refuses for another reason"; }

    # What a version that changed `links` and the section's name would be.
    sed -i 's/^links = .*/links = "percpu-core-0-2"/' "$stage/core-0-2/Cargo.toml"
    find "$stage/core-0-2/src" -name '*.rs' -exec sed -i 's/percpu_core_0_1_/percpu_core_0_2_/g' {} +
    local profile
    for profile in debug release; do
        local flag=(); [ $profile = release ] && flag=(--release)
        RUSTFLAGS="${RUSTFLAGS:-} --cap-lints=allow" cargo build -q "${flag[@]}" \
            --manifest-path "$stage/Cargo.toml" --target-dir "$stage/target"
        local program=$stage/target/$profile/two
        expect "$libc_registers and ${libc_registers#mode }" "$program"
        PERCPU_HARDENED=1 expect "$libc_registers and ${libc_registers#mode }" "$program"
        for version in 0_1 0_2; do
            readelf -SW "$program" | grep "percpu_core_${version}_data" >/dev/null ||
                fail "no section percpu_core_${version}_data"
        done
    done
    # Without libc only one of them can register a thread; the other is portable.
    log=$(GLIBC_TUNABLES=glibc.pthread.rseq=0 "$stage/target/release/two") ||
        { echo "$log"; fail "two versions without libc's registration"; }
    say "versions: cargo refuses equal links; renamed, both exact, hardened too; without libc's registration:" \
        "$(tail -n 1 <<<"$log")"
}

# Threads registered by us: glibc told not to, static programs, musl.
own() {
    local program folder
    build kinds/release "" -p plain --release
    build kinds/static-pie -Ctarget-feature=+crt-static -p plain --release --target "$host"
    for folder in release/release "static-pie/$host/release"; do
        program=$out/kinds/$folder/plain
        GLIBC_TUNABLES=glibc.pthread.rseq=0 expect "$we_register" "$program"
        GLIBC_TUNABLES=glibc.pthread.rseq=0 expect "$we_register" "$program" 20000
        say "own: ${folder%%/*}: 20000 short threads, $we_register"
    done
    local musl=${host%-gnu}-musl
    if [ ! -d "$(rustc --print target-libdir --target "$musl")" ]; then
        did_not_run "threads registered by us with musl (rustup target add $musl)"
        return
    fi
    for profile in debug release; do
        local flag=(); [ $profile = release ] && flag=(--release)
        build musl "" -p plain -p across --target "$musl" "${flag[@]}"
        for program in plain across; do
            expect "$we_register" "$out/musl/$musl/$profile/$program"
        done
        expect "$we_register" "$out/musl/$musl/$profile/plain" 20000
        say "own: musl $profile: exact, 20000 short threads, $we_register"
    done
}

# Descriptors of sections that nobody runs are not collected one by one.
size() {
    build kinds/release "" -p one -p plain -p across --release
    local program bytes bound
    while read -r program bound; do
        bytes=$(readelf -SW "$out/kinds/release/release/$program" |
            sed 's/^ *\[ *[0-9]*\] *//' | awk '$1 == "__rseq_cs" { print $5 }')
        bytes=$((16#$bytes))
        [ $((bytes / 32)) -le "$bound" ] ||
            fail "$program has $((bytes / 32)) descriptors, more than $bound"
        "$out/kinds/release/release/$program" >/dev/null || fail "$program"
        say "size: $program has $((bytes / 32)) descriptors, bound $bound"
    done <<BOUNDS
one 4
plain 24
across 56
BOUNDS
}

# A million rounds make no system call.
quiet() {
    if ! need strace strace; then
        did_not_run "a million operations under strace"
        return
    fi
    build kinds/release "" -p quiet --release
    strace -f -o "$out/strace" "$out/kinds/release/release/quiet" ||
        fail "quiet under strace"
    local marks between
    marks=$(grep -c 'getppid()' "$out/strace") || true
    [ "$marks" = 2 ] || fail "$marks marks instead of 2"
    # A tick of the clock is shown as a signal or not at all, never as a call.
    between=$(awk '/getppid\(\)/ { on = !on; next } on' "$out/strace")
    [ -z "$between" ] || { echo "$between"; fail "system calls on the path of an operation"; }
    say "quiet: 1000000 rounds of inc, add, lock, load, fetch_add: no system call"
}

lint() {
    cargo fmt --manifest-path "$fixtures/Cargo.toml" --all --check
    rustfmt --edition 2024 --config-path rustfmt.toml --check "$fixtures/two/src/main.rs"
    cargo clippy -q --manifest-path "$fixtures/Cargo.toml" --workspace --target-dir "$out/lint" -- -D warnings
    say "lint: fmt and clippy clean"
}

cases=("$@")
[ $# -gt 0 ] || cases=(lint kinds dylib plugins versions own size quiet)
for case in "${cases[@]}"; do
    "$case"
done
