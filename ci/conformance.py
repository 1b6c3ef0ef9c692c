"""Compares docs/conformance.md with the tests there are, and the kernel's names with
the documentation.

Each check takes texts and yields problems as sentences, so that conformance_test.py
can show each one failing.
"""

import re
import sys
from pathlib import Path

# The rows of the specification's sections 5.1 to 5.13.
ROWS = {
    "AD": 11, "SV": 12, "FC": 16, "CA": 5, "DA": 18, "OP": 14, "GL": 7, "CT": 10, "RR": 9,
    "OC": 12, "SL": 9, "HP": 4, "NU": 4, "ST": 7, "FB": 9,
}  # fmt: skip
WANTED = [f"{family}-{number:02}" for family, count in ROWS.items() for number in range(1, count + 1)]

# The core first: its tests are named without it.
CRATES = ("core", "counter", "slab")

REFERENCE = re.compile(r"`((?:[\w/.]+::|ci/|doc |fuzz/)[^`]*)`")


# --- the tests there are --------------------------------------------------------------


def listed(text):
    """Names in what `cargo test -- --list` says: `tests/x.rs::name`, `src::name` and
    `doc src/x.rs Item`."""
    names, where = set(), None
    for line in text.splitlines():
        if found := re.match(r"\s+Running (?:unittests )?(\S+) \(", line):
            where = "src" if found[1].startswith("src/") else found[1]
        elif re.match(r"\s+Doc-tests ", line):
            where = "doc"
        elif found := re.match(r"(.+): test$", line):
            if where == "doc":
                # percpu-core/src/per_cpu.rs - per_cpu::PerCpu<T>::zeroed (line 75)
                file, _, item = found[1].partition(" - ")
                file = re.sub(r"^.*?(?=src/)", "", file)
                item = re.sub(r"<.*?>(?=::|$)", "", re.sub(r"\s*\(line \d+\).*$", "", item))
                inside = file.removeprefix("src/").removesuffix(".rs").removesuffix("/mod").replace("/", "::")
                item = item.removeprefix(inside).removeprefix("::")
                names.add(f"doc {file} {item}".strip())
            elif where:
                names.add(f"{where}::{found[1]}")
    return names


def short(names, file, prefix):
    """The names of one test file under a shorter name."""
    return {prefix + name.removeprefix(file) for name in names if name.startswith(file)}


def all_tests(plain, ignored, loom, inject):
    """Every name that a row may use. What is ignored does not run."""
    injected = [
        name.group() for name in (re.match(r"tests/inject\w*\.rs::", name) for name in listed(inject)) if name
    ]
    names = (listed(plain) - listed(ignored)) | short(listed(loom), "tests/loom/main.rs::", "loom::")
    return names.union(*(short(listed(inject), file, "inject::") for file in injected))


def within(crate, names):
    """The names of another crate than the core: `counter/tests/x.rs::name`."""
    doc = "doc "
    return {f"{doc}{crate}/{name.removeprefix(doc)}" if name.startswith(doc) else f"{crate}/{name}" for name in names}


# --- the table ------------------------------------------------------------------------


def rows(table):
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(r"[A-Z]{2}-\d+", cells[0]):
            yield cells


def exists(reference, tests, scripts, targets):
    """`scripts`: {name: text} of those that .ci/run runs or names."""
    if reference.startswith("ci/"):
        script, _, part = reference.partition(" ")
        code = re.sub(r"^\s*#.*$", "", scripts.get(script, ""), flags=re.M)
        return bool(part and re.search(rf"\b{re.escape(part)}\b", code))
    if reference.startswith("fuzz/"):
        return reference.removeprefix("fuzz/") in targets
    return reference in tests


def check_rows(table, tests, scripts=(), targets=()):
    found = {}
    for cells in rows(table):
        name = cells[0]
        if name in found:
            yield f"{name} is there twice"
        found[name] = cells
        if name not in WANTED:
            yield f"{name} is no row of the specification"
        if len(cells) != 4:
            yield f"{name} has {len(cells)} columns, not 4"
            continue
        mode, shown = cells[2], cells[3]
        references = REFERENCE.findall(shown)
        for reference in references:
            if not exists(reference, tests, dict(scripts), targets):
                yield f"{name} names `{reference}`, and no such test runs"
        if shown == "missing":
            continue
        if shown.startswith("otherwise:"):
            if len(shown) < 25:
                yield f"{name} is answered otherwise, without a reason"
        elif not references:
            yield f"{name} names no test"
        elif mode in ("", "-"):
            yield f"{name} does not say in which mode it is shown"
    for name in WANTED:
        if name not in found:
            yield f"{name} has no row"


def missing(table):
    return [cells[0] for cells in rows(table) if cells[-1] == "missing"]


# --- the kernel's names ---------------------------------------------------------------


def kernel_names(text, crate=""):
    """(names that must be found, names that must be later) of the core, or of the
    crate whose name and a colon begin the line."""
    now, later = [], []
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        of, colon, names = line.rpartition(":")
        is_later = of == "later"
        if is_later or not colon:
            of = ""
        if of == crate:
            (later if is_later else now).extend(names.split())
    return now, later


def aliases(sources):
    found = set()
    for text in sources:
        for attribute in re.findall(r"doc\(alias\s*(?:=|\()([^\]]*)\]", text):
            found.update(re.findall(r'"([^"]+)"', attribute))
        if re.search(r"doc\(alias = \$", text):
            # The macro's callers give the names.
            found.update(re.findall(r'"(\w+)"', text))
    return found


def is_on(page, name):
    return re.search(rf"`{re.escape(name)}=?`", page) is not None


def check_names(names, page, known):
    now, later = names
    for name in now:
        if name not in known:
            yield f"the documentation's search does not know {name}: it is no doc(alias)"
        if not is_on(page, name):
            yield f"{name} is not on the page kernel.rs"
    for name in later:
        if name in known and is_on(page, name):
            yield f"{name} is there: it is not for later any more (ci/kernel-names.txt)"


# --- all of it ------------------------------------------------------------------------


def main(folder, *options):
    def read(path):
        return Path(path).read_text(encoding="utf-8")

    named = " ".join(re.findall(r"^(?:first|scripts|last|campaigns)=\((.*?)^\)", read(".ci/run"), re.M | re.S)).split()
    # A script may have parts in a folder of its name.
    parts = {name: [f"ci/{name}.sh", *map(str, sorted(Path(f"ci/{name}").glob("*.sh")))] for name in named}
    scripts = {f"ci/{name}.sh": "\n".join(map(read, files)) for name, files in parts.items()}
    targets = re.findall(r'^path = "fuzz_targets/(\w+)\.rs"', read("fuzz/Cargo.toml"), re.M)
    lists = {
        crate: all_tests(*(read(f"{folder}/{crate}/{name}") for name in ("plain", "ignored", "loom", "inject")))
        for crate in CRATES
    }
    tests = lists["core"].union(*(within(crate, lists[crate]) for crate in CRATES[1:]))
    table = read("docs/conformance.md")
    sources = {
        crate: [path.read_text(encoding="utf-8") for path in Path(f"percpu-{crate}/src").rglob("*.rs")]
        for crate in CRATES
    }
    names = {crate: kernel_names(read("ci/kernel-names.txt"), "" if crate == "core" else crate) for crate in CRATES}

    problems = list(check_rows(table, tests, scripts, targets))
    # What needs unsafe code may be the core's, and another's by re-export.
    for crate in CRATES:
        known = aliases(sources["core"] + sources[crate])
        problems += check_names(names[crate], read(f"percpu-{crate}/src/kernel.rs"), known)
    left = [f"row {row} shows nothing yet" for row in missing(table)]
    left += [f"the kernel's {name} leads nowhere yet" for name in names["core"][1]]
    if "--strict" in options:
        problems += left
    else:
        if left:
            print("warning: not yet:", ", ".join([*missing(table), *names[1]]))
    for problem in problems:
        print(problem)
    answered = len(WANTED) - len(missing(table))
    print(f"conformance: {len(tests)} tests, {answered} of {len(WANTED)} rows, {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
