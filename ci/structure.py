"""Checks the rules of ARCHITECTURE.md that no compiler checks.

Each check takes the project's files as {path: text} and yields problems as
sentences, so that structure_test.py can show each one failing.
"""

import re
import subprocess
import sys

LONG = 400
PLAN = "ARCHITECTURE.md"


# --- reading Rust, as far as needed ---------------------------------------------------

QUIET = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | \bb?r(\#*)".*?"\1 | b?"(?:\\.|[^"\\])*" | b?'(?:\\.|[^'\\])'""",
    re.S | re.X,
)
PATH_ATTRIBUTE = re.compile(r'#\[path = "(\w+)\.rs"\]\s*(?:pub(?:\(\w+\))?\s+)?mod (\w+);')
TEST_ATTRIBUTE = re.compile(r"#\[cfg\((?:(?:all\()?test\b|any\(test, fuzzing\))[^\]]*\]")


def code(text):
    """The text without comments and without what strings hold, but file names."""

    def quiet(found):
        if re.fullmatch(r'"\w+\.rs"', found[0]):
            return found[0]
        return "" if found[0].startswith("/") else '""'

    return QUIET.sub(quiet, text)


def end_of_item(text, start):
    """Where the item that begins at `start` ends: behind its `;` or its block."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
            if depth == 0 and text[at] == "}":
                return at + 1
        elif text[at] == ";" and depth == 0:
            return at + 1
    return len(text)


def split_tests(text):
    """The code without its `#[cfg(test)]` items, and the modules among these."""
    modules = set()
    while found := TEST_ATTRIBUTE.search(text):
        end = end_of_item(text, found.end())
        modules.update(re.findall(r"\bmod\s+(\w+)\s*;", text[found.end() : end]))
        text = text[: found.start()] + text[end:]
    return text, modules


def lift_inline_modules(text):
    """`super` in a `mod x { .. }` is the file itself: call it `self`."""
    for found in reversed(list(re.finditer(r"\bmod\s+\$?\w+\s*\{", text))):
        end = end_of_item(text, found.start())
        inside = re.sub(r"(?<!::)\bsuper\b", "self", text[found.end() : end])
        text = text[: found.end()] + inside + text[end:]
    return text


def use_paths(tree):
    """`a::{b, c::d as e}` -> [([a, b], b), ([a, c, d], e)]."""
    tree = tree.strip()
    if braces := re.match(r"(.*?)\{(.*)\}$", tree, re.S):
        parts, depth = [""], 0
        for char in braces[2]:
            depth += (char == "{") - (char == "}")
            if char == "," and depth == 0:
                parts.append("")
            else:
                parts[-1] += char
        return [path for part in parts if part.strip() for path in use_paths(braces[1] + part.strip())]
    path, _, alias = re.sub(r"\s+", " ", tree).partition(" as ")
    names = [name.strip() for name in path.split("::") if name.strip()]
    if names[-1] == "self":
        names.pop()
    return [(names, alias.strip() or names[-1])]


# --- imports --------------------------------------------------------------------------


class Crate:
    """The modules of one crate, each with its code and the names it passes on."""

    def __init__(self, root, files):
        folder = root.rsplit("/", 1)[0] + "/"
        self.path, self.text, self.renamed, tests = {}, {}, {}, set()
        for path, text in files.items():
            inside = path.removeprefix(folder)
            if not path.startswith(folder) or inside.startswith("bin/") or not path.endswith(".rs"):
                continue
            module = tuple(inside.removesuffix(".rs").split("/"))
            module = () if path == root else module[:-1] if module[-1] == "mod" else module
            self.path[module] = path
            beside = module if path.endswith(("/mod.rs", "/lib.rs", "/main.rs")) else module[:-1]
            text = re.sub(r"\bpub\(in [^)]*\)", "pub", code(text))
            for file, name in PATH_ATTRIBUTE.findall(text):
                self.renamed.setdefault((*module, name), (*beside, file))
            text, inner = split_tests(text)
            tests.update((*module, name) for name in inner)
            self.text[module] = lift_inline_modules(text)
        tests = {self.renamed.get(module, module) for module in tests}
        for module in [m for m in self.path if any(m[: len(t)] == t for t in tests)]:
            del self.path[module], self.text[module]
        self.uses = {m: self.read_uses(m) for m in self.path}

    def read_uses(self, module):
        """(whether it passes the name on, absolute path, name here) of each `use`."""
        found = []
        for public, tree in re.findall(r"\b(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);", self.text[module]):
            for names, name in use_paths(tree):
                if (absolute := self.absolute(module, names)) is not None:
                    found.append((bool(public), absolute, name))
        return found

    def absolute(self, module, names):
        """A path from the crate's root, or None if it leads out of the crate."""
        if names[0] == "crate":
            return names[1:]
        if names[0] in ("self", "super"):
            names = names[names[0] == "self" :]
            up = next((i for i, name in enumerate(names) if name != "super"), len(names))
            return [*module[: len(module) - up], *names[up:]]
        child = (*module, names[0])
        return [*module, *names] if child in self.path or child in self.renamed else None

    def resolve(self, names, depth=0):
        """The module that a path ends in, through what doors pass on."""
        module, rest = (), list(names)
        while rest:
            inner = (*module, rest[0])
            inner = self.renamed.get(inner, inner)
            if inner not in self.path:
                break
            module, rest = inner, rest[1:]
        if rest and depth < 8:
            for _, absolute, name in self.uses.get(module, ()):
                if name == rest[0]:
                    return self.resolve(absolute + rest[1:], depth + 1)
        return module

    def paths(self, module):
        """What a module names of its crate, as absolute paths. To pass a child's name on
        is not to depend on the child."""
        text = self.text[module]
        paths = [absolute for public, absolute, _ in self.uses[module] if not public]
        text = re.sub(r"\buse\s+[^;]+;", "", text)
        children = [m[-1] for m in [*self.path, *self.renamed] if m and m[:-1] == module]
        starts = "|".join(["crate", "super", "self", *map(re.escape, children)])
        for found in re.finditer(rf"(?<![\w$:])(?:{starts})(?:::\w+)+(?!\w|!|::)", text):
            paths.append(self.absolute(module, found[0].split("::")))
        return paths

    def imports(self, module):
        """The modules that a module depends on."""
        return {self.resolve(path) for path in self.paths(module)} - {module}

    def taken_from_the_root(self, module):
        """Names of other files that a module takes from the crate's root, which passes on
        names of all: so it would depend on all."""
        files = {path[0] for path in [*self.path, *self.renamed] if path}
        return {path[0] for path in self.paths(module) if path[:1] and path[0] not in files and self.resolve(path)}


def rings(edges):
    """Sets of modules that reach each other (Tarjan, by repeated reachability:
    crates are small)."""
    reach = {}
    for start in edges:
        seen, todo = set(), [start]
        while todo:
            for other in edges.get(todo.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        reach[start] = seen
    found = []
    for module in sorted(edges):
        ring = sorted(m for m in edges if m in reach[module] and module in reach[m])
        if len(ring) > 1 and ring not in found:
            found.append(ring)
    return found


def check_imports(files):
    roots = [p for p in files if re.search(r"(^|/)src/lib\.rs$|/src/bin/\w+/main\.rs$", p)]
    for root in roots:
        crate = Crate(root, files)
        edges = {module: crate.imports(module) for module in crate.path}
        for ring in rings(edges):
            yield "these files import each other in a ring: " + ", ".join(crate.path[m] for m in ring)
        for module, imported in sorted(edges.items()):
            if "$crate" in crate.text[module] and "macros" not in module:
                yield f"{crate.path[module]} names the crate from outside, $crate; that is for macros"
            for name in sorted(crate.taken_from_the_root(module) if module else ()):
                yield f"{crate.path[module]} takes {name} from the crate's root and not from where it is"
            for other in imported:
                if module[: len(other)] == other:
                    yield f"{crate.path[module]} imports its own door, {crate.path[other]}"


# --- unsafe code ----------------------------------------------------------------------


def section_of(text, heading):
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return found[1] if found else ""


def check_unsafe(files):
    listed = set(re.findall(r"^- `([^`]+)`", section_of(files.get(PLAN, ""), "Files with unsafe code"), re.M))
    allowing = {
        path
        for path, text in files.items()
        if path.endswith(".rs") and re.search(r"#!?\[(?:allow|expect)\([^\]]*\bunsafe_code\b", code(text))
    }
    for path in sorted(allowing - listed):
        yield f"{path} allows unsafe code; list it in {PLAN}, under 'Files with unsafe code'"
    for path in sorted(listed - allowing):
        yield f"{PLAN} lists {path} among the files with unsafe code, and it allows none"
    for path in sorted(allowing):
        doc = re.match(r"(?://![^\n]*\n)*", files[path])[0]
        if not re.search(r"^//! # Safety$", doc, re.M):
            yield f"{path} allows unsafe code; its module doc needs a section '# Safety'"
    forbidding = "percpu-counter/src/lib.rs"
    if forbidding in files and "#![forbid(unsafe_code)]" not in files[forbidding]:
        yield f"{forbidding} must forbid unsafe code"


# --- the tree -------------------------------------------------------------------------


def planned(text):
    """{path: is a folder without rows of its own} of the tree."""
    block = re.search(r"```text\n(.*?)```", section_of(text, "The tree"), re.S)
    rows = {}
    folders = []
    for line in (block[1] if block else "").splitlines():
        indent, name, about = re.match(r"( *)(\S*)\s*(.*)", line).groups()
        if not name:
            continue
        del folders[len(indent) // 2 :]
        path = "/".join([*folders, name.rstrip("/")])
        for end in range(1, len(folders) + 1):
            rows["/".join(folders[:end])] = False
        if name.endswith("/"):
            folders.append(name.rstrip("/"))
        elif not about:
            yield path, None
            continue
        rows[path] = name.endswith("/")
    yield from rows.items()


def check_tree(files):
    rows = dict(planned(files.get(PLAN, "")))
    whole = tuple(path + "/" for path, folder in rows.items() if folder)
    for path in sorted(files):
        if path not in rows and not path.startswith(whole):
            yield f"{path} is missing from the tree in {PLAN}"
    for path, folder in rows.items():
        if folder is None:
            yield f"{path} needs its line in the tree in {PLAN}"
        elif path not in files and not any(file.startswith(path + "/") for file in files):
            yield f"{PLAN} has {path} in its tree, and there is no such file"


# --- what nobody would run ------------------------------------------------------------


def check_fuzz(files):
    manifest = files.get("fuzz/Cargo.toml", "")
    for path in files:
        if re.fullmatch(r"fuzz/fuzz_targets/\w+\.rs", path):
            if f'path = "{path.removeprefix("fuzz/")}"' not in manifest:
                yield f"{path} is not named in fuzz/Cargo.toml, so it never runs"


# --- what is left ---------------------------------------------------------------------

LEFT = re.compile(r"TODO|FIXME|\btodo!\(|\bunimplemented!\(|#\[ignore|```(?:\w+,)*ignore|rust,ignore")


def check_left(files):
    for path, text in files.items():
        if path.endswith((".rs", ".md", ".toml", ".sh")):
            for number, line in enumerate(text.splitlines(), 1):
                if LEFT.search(line):
                    yield f"{path}:{number}: unfinished or switched off: {line.strip()}"


def long_files(files):
    for path, text in files.items():
        lines = text.count("\n")
        aside = re.search(r"(^|/)(tests|benches|fuzz|examples)/", path)
        if path.endswith(".rs") and lines > LONG and not aside:
            yield f"{path} has {lines} lines: is there a second subject in it?"


CHECKS = [check_imports, check_unsafe, check_tree, check_fuzz, check_left]


def read_project():
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = {}
    for path in subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\0"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                files[path] = file.read()
        except FileNotFoundError:
            pass  # the empty last entry, or deleted and not committed yet
    return files


def main():
    files = read_project()
    for warning in long_files(files):
        print("warning:", warning)
    problems = [problem for check in CHECKS for problem in check(files)]
    for problem in problems:
        print(problem)
    print(f"structure: {len(files)} files, {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
