"""Runs the tests that cargo built under a sanitizer, but for those that docs/sanitizers.md
says are not for it.

    sanitizers.py TOOL [FILTER] < cargo's messages
    sanitizers.py left-out PACKAGE      the options with which Miri leaves out tests of it
    sanitizers.py miri < what `cargo miri test` said

A row of the table that names a test, or a suite, that is not there fails the run: it
says why something is skipped that may long be running, or be gone. For Miri the table
names the suites that are not built for it and, by a part of their name, tests that miri.sh
leaves out; the others say themselves why they are ignored.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

PAGE = Path("docs/sanitizers.md")
ROW = re.compile(r"^\| ([a-z, ]+) \| `([\w-]+/\w+)` \| (`[\w:]+`|all) \| (.+) \|$", re.M)
# Seconds that one binary may take: more than any does, but not for ever.
PATIENCE = 2400


def table(text, tool):
    """{suite: {test: reason}} for a tool; a whole suite has the test `all`."""
    rows = {}
    for tools, suite, test, reason in ROW.findall(text):
        if tool in re.split(r",\s*", tools):
            rows.setdefault(suite, {})[test.strip("`")] = reason
    return rows


def stale(rows, suites):
    """Rows that name what is not there, in words; `suites` are {suite: tests}."""
    for suite, tests in rows.items():
        if suite not in suites:
            yield f"no suite {suite}"
            continue
        for test in tests:
            if test != "all" and test not in suites[suite]:
                yield f"no test {test} in {suite}"


def suite_of(package, source):
    """`percpu-core/memory` for tests/memory.rs, `percpu-core/lib` for what is in src."""
    if source.parts[0] == "src":
        return f"{package}/lib"
    return f"{package}/{source.stem if source.stem != 'main' else source.parent.name}"


def executables(messages):
    """(suite, folder of the package, executable) of each test binary."""
    for line in messages:
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            folder = Path(message["manifest_path"]).parent
            yield suite_of(folder.name, Path(message["target"]["src_path"]).relative_to(folder)), folder, message[
                "executable"
            ]


def listed(executable, environment):
    command = [executable, "--list", "--format=terse"]
    said = subprocess.run(command, capture_output=True, text=True, env=environment)
    if said.returncode != 0:
        sys.exit(f"{' '.join(command)}: {said.returncode}\n{said.stdout}{said.stderr}")
    return [line.removesuffix(": test") for line in said.stdout.splitlines() if line.endswith(": test")]


def sanitized(tool, wanted):
    rows = table(PAGE.read_text(encoding="utf-8"), tool)
    suites, skipped, failed, passed = {}, [], [], 0
    for suite, folder, executable in sorted(executables(sys.stdin)):
        # What cargo sets where it runs tests itself.
        environment = {**os.environ, "CARGO_MANIFEST_DIR": str(folder)}
        suites[suite] = tests = listed(executable, environment)
        reasons = rows.get(suite, {})
        chosen = [test for test in tests if wanted in f"{suite}::{test}"]
        skipped += [(suite, test, reasons.get(test, reasons.get("all"))) for test in chosen if {test, "all"} & set(reasons)]
        chosen = [test for test in chosen if not {test, "all"} & set(reasons)]
        if not chosen:
            continue
        start = time.monotonic()
        try:
            ran = subprocess.run(
                [executable, "--exact", *chosen],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                errors="replace",
                text=True,
                timeout=PATIENCE,
            )
            code, said = ran.returncode, ran.stdout
        except subprocess.TimeoutExpired as over:
            code, said = "too long", (over.stdout or b"").decode(errors="replace")
        counts = re.findall(r"^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored", said, re.M)
        good, bad, ignored = map(int, counts[-1]) if counts else (0, 0, 0)
        passed += good
        skipped += [(suite, *found) for found in re.findall(r"^test (\S+) \.\.\. ignored(?:, )?(.*)", said, re.M)]
        # A report at the end, as of leaks, is an exit code and no failed test.
        fine = code == 0 and bad == 0 and good + ignored == len(chosen)
        print(f"{tool} {suite}: {good} passed, {time.monotonic() - start:.0f} s{'' if fine else f', FAILED ({code})'}", flush=True)
        if not fine:
            failed.append(suite)
            print(said, flush=True)
    problems = list(stale(rows, suites))
    report(tool, passed, skipped, failed + problems)
    return bool(failed or problems or not (passed or skipped))


def parts(rows):
    """(suite, part of a name) of the rows that leave out a part of a suite."""
    return [(suite, test) for suite, tests in rows.items() for test in tests if test != "all"]


def is_there(suite, part):
    """Whether a file of `src` can have the unit tests whose name begins so."""
    return any(Path(suite.split("/")[0], "src").glob(part.replace("::", "/") + "*"))


def interpreted(said):
    """Counts what Miri said, and says why the rest was not run."""
    rows = table(PAGE.read_text(encoding="utf-8"), "miri")
    suites, skipped, problems, passed = {}, [], [], 0
    package = suite = None
    open_ones = set()
    for line in said:
        print(line, end="", flush=True)
        if found := re.match(r"-- (percpu-\w+)(?:: (.*))?", line):
            package = found[1]
            if found[2]:
                problems.append(f"{package}: {found[2]}")
        elif found := re.match(r"\s+Running (?:unittests )?(\S+\.rs) ", line):
            suite = suite_of(package, Path(found[1]))
            suites.setdefault(suite, 0)
            # Undefined behaviour ends a suite without a result.
            open_ones.add(suite)
        elif found := re.match(r"test (\S+) \.\.\. ignored(?:, )?(.*?)(?: <[\d.]+s>)?$", line):
            skipped.append((suite, *found.groups()))
            if not found[2]:
                problems.append(f"{suite} {found[1]} is ignored without a reason")
        elif found := re.match(r"test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored", line):
            passed += int(found[1])
            suites[suite] += int(found[1]) + int(found[3])
            open_ones.discard(suite)
            if int(found[2]):
                problems.append(f"{suite}: {found[2]} failed")
    problems += [f"{suite} did not end" for suite in sorted(open_ones)]
    for suite, tests in sorted(suites.items()):
        why = rows.get(suite, {}).get("all")
        if not tests and not why:
            problems.append(f"nothing of {suite} is built for Miri, and no row says why")
        if tests and why:
            problems.append(f"{suite} runs, though a row says why it does not")
        if not tests and why:
            skipped.append((suite, "all", why))
        skipped += [(suite, part, rows[suite][part]) for of, part in parts(rows) if of == suite]
    return suites, rows, passed, skipped, problems


def report(tool, passed, skipped, problems):
    for suite, test, reason in skipped:
        print(f"{tool} skipped {suite} {test}: {reason}")
    for problem in problems:
        print(f"{tool} FAILED: {problem}")
    print(f"{tool}: {passed} passed, {len(skipped)} skipped, {len(problems)} failed")


def main(tool, wanted=""):
    if tool == "left-out":
        rows = table(PAGE.read_text(encoding="utf-8"), "miri")
        print(*(f"--skip={part}" for suite, part in parts(rows) if suite.startswith(f"{wanted}/")))
        return False
    if tool != "miri":
        return sanitized(tool, wanted)
    suites, rows, passed, skipped, problems = interpreted(sys.stdin)
    # With a filter not every suite was asked for.
    if not wanted:
        problems += stale({suite: {"all": ""} for suite in rows}, suites)
        problems += [f"no tests {part} in {suite}" for suite, part in parts(rows) if not is_there(suite, part)]
    report(tool, passed, skipped, problems)
    return bool(problems or not (passed or skipped))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
