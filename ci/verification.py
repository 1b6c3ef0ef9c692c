"""Compares docs/verification.md with the tests there are: each command in its table must
run something.

    verification.py FOLDER      the lists that conformance_list.py has written
"""

import re
import sys
from pathlib import Path

from conformance import CRATES, listed, short

# What stands in a row, in this order, and the commands that may show it.
COLUMNS = {
    "model": ("ci/loom.sh", "ci/shuttle.sh"),
    "mutation": ("ci/loom-mutations.sh", "ci/mutations.sh"),
    "stress": ("ci/campaign.sh", "ci/torture.sh", "cargo test"),
    "fuzz": ("ci/fuzz-smoke.sh",),
}


def rows(page):
    """Cells of the table whose first column is the protocol."""
    inside = False
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == "protocol":
            inside = True
        elif inside and not set(cells[0]) <= {"-", ":"}:
            yield cells


def runs(command, known):
    """Whether the command finds something to run."""
    program, _, wanted = command.partition(" ")
    if command.startswith("cargo test"):
        found = re.fullmatch(r"cargo test -p percpu-(\w+) --test (\w+)(?: (\w+))?", command)
        if not found or found[1] not in CRATES:
            return False
        crate, file, name = found.groups()
        begin = f"tests/{file}"
        return any(test.startswith((f"{begin}.rs::", f"{begin}/main.rs::")) and (name or "") in test for test in known[crate])
    if not wanted:
        return False
    if program in ("ci/loom.sh", "ci/shuttle.sh"):
        return any(wanted in model for model in known["models"])
    if program == "ci/loom-mutations.sh":
        return any(wanted == mutation or model.startswith(wanted) for mutation, model in known["mutations"])
    if program == "ci/fuzz-smoke.sh":
        return wanted in known["targets"]
    if program == "ci/torture.sh":
        wanted = re.sub("_by_(cpu|concurrency_id)$", "", wanted)
    # The script itself, or what it reads, says what there is.
    return bool(re.search(rf"\b{re.escape(wanted)}\b", known["scripts"].get(program, "")))


def check(page, known):
    found = list(rows(page))
    if not found:
        yield "there is no table of protocols"
    for protocol, *cells in found:
        if len(cells) != len(COLUMNS):
            yield f"{protocol} has {len(cells)} cells, not {len(COLUMNS)}"
            continue
        for cell, (column, programs) in zip(cells, COLUMNS.items()):
            commands = re.findall(r"`((?:ci/|cargo )[^`]*)`", cell)
            if not commands and len(cell.split()) < 4:
                yield f"{protocol} has no {column}, and no reason"
            for command in commands:
                if not command.startswith(programs):
                    yield f"{protocol}: `{command}` is no {column}"
                elif not runs(command, known):
                    yield f"{protocol}: `{command}` runs nothing"


def mutations(script):
    """(mutation, model) of each row of ci/loom-mutations.sh."""
    return re.findall(r"^(\w+) +(\w+::\w+)$", script, re.M)


def main(folder):
    def read(path):
        return Path(path).read_text(encoding="utf-8")

    known = {crate: listed(read(f"{folder}/{crate}/plain") + read(f"{folder}/{crate}/inject")) for crate in CRATES}
    models = (short(listed(read(f"{folder}/{crate}/loom")), "tests/loom/main.rs::", "") for crate in CRATES)
    known["models"] = set().union(*models)
    known["scripts"] = {f"ci/{path.name}": read(path) for path in Path("ci").glob("*.sh")}
    known["scripts"]["ci/mutations.sh"] += read("ci/mutations.txt")
    known["scripts"]["ci/torture.sh"] += read("percpu-core/tests/torture/main.rs")
    known["mutations"] = mutations(known["scripts"]["ci/loom-mutations.sh"])
    known["targets"] = re.findall(r'^path = "fuzz_targets/(\w+)\.rs"', read("fuzz/Cargo.toml") + read("fuzz/pretend/Cargo.toml"), re.M)
    page = read("docs/verification.md")
    problems = list(check(page, known))
    for problem in problems:
        print(problem)
    print(f"verification: {len(list(rows(page)))} protocols, {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
