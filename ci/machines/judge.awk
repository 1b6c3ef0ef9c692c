# Reads a machine's console; see run.sh. Prints a line for each binary and each pass,
# and fails unless everything in `list` ran and ended as it must.
#
# Variables: name, target, kernel, host (`user` for qemu's user mode), list (what was to
# be run), some (set where that is not all, so not everything need be said), table (where
# the rows for docs/machines.md go).

function modes_of(pass,    n, i, words) {
    # What `in_each_mode` must have said, and what nobody may have said, in such a pass.
    if (pass == "norseq" || host == "user") {
        must = "as it comes: portable (the kernel refused to register a thread, error 38)"
        never = ": rseq ("
    } else if (pass == "nofence") {
        must = "as it comes: portable (the kernel has no rseq membarrier, error 38)"
        never = ": rseq ("
    } else if (target ~ /musl/) {
        must = "as it comes: rseq (threads registered by percpu)"
        never = "threads registered by libc"
    } else {
        must = "as it comes: rseq (threads registered by libc);own registration: rseq (threads registered by percpu);portable: portable (as requested);portable without libc's rseq: portable (as requested)"
        never = "as it comes: portable (the"
    }
}

function problem(text) { print name ": " text; bad = 1 }

BEGIN {
    while ((getline line < list) > 0) { wanted++; split(line, words, " "); if (!(words[1] in first)) { first[words[1]] = ++passes; order[passes] = words[1] } }
    pass = order[1]; modes_of(pass)
}
/^MACHINE END/ { ended = 1; next }
/^MACHINE STALE/ { sub(/^MACHINE STALE /, ""); problem("a reason to skip holds no longer: " $0); next }
/^MACHINE SKIP/ { skips++; next }
/^MACHINE CPUS/ { online = $3; next }
/^MACHINE HOTPLUG/ {
    transitions = $3
    next
}
/panicked at/ { lost = 1 }
# A test that waits for too long notices, and ends by an abort.
/^this takes too long: somebody waits for ever/ { late = 1 }
/signal: [0-9]/ { if (/signal: 6 /) aborted = 1; else crashed = 1 }
# This one masks a system call itself.
/^the_filter_refuses_what_it_names_and_nothing_else:/ { next }
/: (rseq|portable) \(.*, [0-9]+ aborts$/ { said = said $0 "\n"; aborts += $(NF - 1) }
# The last of a binary is its own; before it are those of children that failed.
/^test result: / { passed = $4; failed = $6 }
/^test .* \.\.\. FAILED|^    [a-z_:0-9]+$/ { if ($1 != "test") names = names " " $1 }
/^MACHINE RUN/ {
    pass = $3; ran++
    if (pass ~ /^no_/) {
        # A mutation is caught by a test that notices, not by a crash.
        good = $7 == 101 && lost && !crashed && (late || !aborted)
        verdict = good ? "caught" : passed + failed ? "SURVIVED" : "NO SUCH TEST"
        caught[pass] += good; mutations += good; missed += !good
        what = pass ": " $8
    } else {
        good = $7 == 0 && passed + failed > 0 && failed == 0
        verdict = good ? "ok" : "FAILED"
        if ($7 == 137) verdict = "TIMEOUT"
        what = pass " " $4
        sums[pass, "passed"] += passed; sums[pass, "failed"] += failed + (!good && !failed)
        sums[pass, "aborts"] += aborts
        sums[pass, "skips"] += skips
        says[pass] = says[pass] said
    }
    sums[pass, "seconds"] += $6 - $5
    printf "%-6s %-62s %-8s %4d s", name, what, verdict, $6 - $5
    if (pass !~ /^no_/) printf " %4d passed %2d failed %2d skipped %7d aborts%s", passed, failed, skips, aborts, good ? "" : ":" names
    printf "\n"
    if (!good) bad = 1
    aborts = lost = late = aborted = crashed = passed = failed = skips = 0; said = names = ""
}
END {
    if (!ended) problem("it did not come to its end")
    if (ran != wanted) problem(ran + 0 " of " wanted " were run")
    if (("hotplug" in first) && transitions < 20) problem("only " transitions + 0 " times did a CPU come or go")
    for (i = 1; i <= passes; i++) {
        pass = order[i]
        if (pass ~ /^no_/) continue
        modes_of(pass)
        count = some ? 0 : split(must, musts, ";")
        for (m = 1; m <= count; m++)
            if (index(says[pass], ": " musts[m]) == 0) problem(pass ": no test says '" musts[m] "'")
        if (index(says[pass], never)) problem(pass ": a test says '" never "'")
        extra = pass == "hotplug" ? transitions + 0 " times a CPU came or went" : (pass == "offline" || pass == "plug") ? "CPUs " online : ""
        printf "| %s | %s | %s | %s | %s | %d | %d | %d | %d | %d |\n", name, target, kernel, pass, extra,
            sums[pass, "passed"], sums[pass, "failed"], sums[pass, "skips"], sums[pass, "aborts"], sums[pass, "seconds"] > table
    }
    if (mutations + missed) {
        text = ""
        for (i = 1; i <= passes; i++) if (order[i] ~ /^no_/) { text = text (text ? ", " : "") order[i] " " caught[order[i]] + 0 "x"; seconds += sums[order[i], "seconds"] }
        printf "| %s | %s | %s | mutations | caught: %s | %d | %d | 0 | 0 | %d |\n", name, target, kernel, text, mutations, missed, seconds > table
    }
    exit bad
}
