#!/usr/bin/env bash
# The machine code of an operation, against percpu-core/tests/asm/expected; and
# that nothing between a section's start and its commit, nor on the way from a
# function's entry to its first return, locks the bus or calls.
#
#   ci/asm.sh            compares
#   ci/asm.sh --bless    writes what is there now
#
# Compared only with the compiler that wrote what is expected; checked with any.
. "$(dirname "$0")/lib.sh"
begin asm
root=$PWD
crate=$root/percpu-core/tests/asm
out=${CARGO_TARGET_DIR:-$root/target}/asm
unset CARGO_TARGET_DIR RUSTFLAGS
cp Cargo.lock "$crate/Cargo.lock"
compiler=$(rustc -V | cut -d ' ' -f 1,2)
functions='inc_static inc add add_u32 fetch_add compare_exchange try_lock push pop push_batch pop_batch
    pair_swap pair_compare_exchange list_push list_pop buffer_push buffer_pop
    account_alloc account_dealloc add_within enter leave
    ref_get ref_put read_lock read_unlock magazine_get magazine_put'

say() { echo "$*"; }
fail() { say "FAILED: $*"; exit 1; }

# normalise <function> <file> <comment>: instructions and labels of one function; addresses,
# hashes and directives left out, labels numbered as they come.
normalise() {
    awk -v name="$1" -v comment="$3" '
        $0 == name ":" { inside = 1; print; where = "text"; next }
        !inside { next }
        /^\.Lfunc_end/ { exit }
        # The sections it switches between: its own, the descriptor, the abort.
        /^[ \t]*\.section/ {
            where = "text"
            if ($0 ~ /__rseq_cs_ptr_array|__rseq_exit_point_array|percpu_core_0_1_hold/) where = "skip"
            else if ($0 ~ /__rseq_cs/) where = "descriptor"
            else if ($0 ~ /__rseq_failure/) where = "abort"
            next
        }
        where == "skip" { next }
        where == "descriptor" {
            if ($1 ~ /^\.(quad|xword)$/) print "\t; descriptor", $2
            next
        }
        # The signature before the handler, and notes for tools.
        /^[ \t]*\./ && !/^\.[A-Za-z0-9_]+:/ { next }
        { sub("[ \t]*" comment ".*", ""); if ($0 ~ /^[ \t]*$/) next }
        { gsub(/[ \t]+/, " "); sub(/^ /, "\t") }
        where == "abort" && !/:$/ { $0 = $0 "\t; out of line" }
        { print }
    ' "$2" |
        sed -E 's/17h[0-9a-f]{16}E/E/g; s/Cs[0-9A-Za-z]+_/Cs_/g; s/\.Lanon\.[0-9a-f]+\.([0-9]+)/anon/g; s/[ \t]+$//' |
        awk '
        {
            line = ""
            while (match($0, /\.L[A-Za-z]+[0-9_]+/)) {
                label = substr($0, RSTART, RLENGTH)
                if (!(label in number)) number[label] = ++count
                line = line substr($0, 1, RSTART - 1) "L" number[label]
                $0 = substr($0, RSTART + RLENGTH)
            }
            print line $0
        }'
}

# Instructions that lock, call or enter the kernel. (grep knows no \t.)
locks_or_calls=$'^\t(lock|xchg|call|syscall|sysenter|int|bl|blr|svc|ld(a|l)?xr|ldaxr|stl?xr|cas|swp|ld(add|clr|set|eor))[a-z]*( |$)'

check() {
    local function=$1 text=$2 from to body bodies="" count=0
    # "; descriptor Lend-Lstart".
    while IFS=- read -r to from; do
        count=$((count + 1))
        body=$(sed -n "/^$from:/,/^$to:/p" "$text" | grep -v '^L[0-9]*:')
        bodies+=$body$'\n'
        [ "$(wc -l <<<"$body")" -ge 3 ] || fail "$function: no section between $from and $to"
        if grep -E "$locks_or_calls" <<<"$body"; then
            fail "$function: the section locks or calls"
        fi
        # The last instruction of the section is its commit: a store.
        tail -n 1 <<<"$body" | grep -Eq '^	((mov|add|sub|inc|dec|and|or|xor) [a-z]+ ptr \[|stl?r[bh]? )' ||
            fail "$function: the section ends with $(tail -n 1 <<<"$body")"
    done < <(sed -n 's/^\t; descriptor \(L[0-9]*-L[0-9]*\)$/\1/p' "$text")
    [ "$count" -ge 1 ] || fail "$function: no section"
    # A far branch, as the linker may make of one between sections, clobbers
    # them: nothing that a section or its restart relies on may live there.
    if { echo "$bodies"; grep 'out of line' "$text"; } | grep -E '\b[xw]1[67]\b'; then
        fail "$function: a register that a far branch may clobber"
    fi
    # Cold functions, by name, may be called from wherever their calls were put, and
    # what an allocator with a limit does besides.
    body=$(sed '/^\tret$/q' "$text" | grep -Ev 'out of line|(call|bl) .*(9first_use|4cold|4take|4give|8get_slow|8put_slow)E')
    if grep -E "$locks_or_calls" <<<"$body"; then
        fail "$function: locks or calls before it returns"
    fi
}

one_target() {
    local target=$1 comment=$2 options=$3 assembly expected=$crate/expected/$1.s now=$out/$1.s function
    # Always made anew: cargo does not know of the file.
    (cd "$crate" && cargo clean -q -p paths --release --target "$target" --target-dir "$out" &&
        cargo rustc -q --release --target "$target" --target-dir "$out" -- \
            --emit asm $options)
    assembly=$(echo "$out/$target"/release/deps/paths-*.s)
    echo "; $compiler, $target, --release: ci/asm.sh --bless" >"$now"
    for function in $functions; do
        normalise "$function" "$assembly" "$comment" >"$out/$function"
        [ -s "$out/$function" ] || fail "$target: no function $function"
        check "$function" "$out/$function"
        # What follows the first return is cold: checked, but free to change.
        { echo; sed '/^\tret$/q' "$out/$function"; } >>"$now"
    done
    say "$target: no lock, no call from entry to return; every section ends with its store"
    if [ "$bless" = yes ]; then
        mkdir -p "$crate/expected"
        cp "$now" "$expected"
        say "$target: blessed"
    elif [ "$(head -n 1 "$expected")" != "$(head -n 1 "$now")" ]; then
        did_not_run "$target: comparison, as $compiler did not write what is expected"
    else
        diff -u "$expected" "$now" || fail "$target: other code than expected (ci/asm.sh --bless)"
        say "$target: as expected"
    fi
}

bless=no
[ "${1:-}" = --bless ] && bless=yes
cargo fmt --manifest-path "$crate/Cargo.toml" --check
x86=x86_64-unknown-linux-gnu arm=aarch64-unknown-linux-gnu
for target in $x86 $arm; do
    if [ ! -d "$(rustc --print target-libdir --target $target)" ]; then
        did_not_run "$target (rustup target add $target)"
        continue
    fi
    case $target in
    "$x86") one_target $target "#" "-C llvm-args=--x86-asm-syntax=intel" ;;
    "$arm") one_target $target "//" "" ;;
    esac
done
