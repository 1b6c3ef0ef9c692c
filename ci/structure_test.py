"""Each check of structure.py finds what it is for, and passes what is right."""

import unittest

from structure import Crate, check_fuzz, check_imports, check_left, check_tree, check_unsafe, code, long_files


def crate(**files):
    """A crate whose files are named a, a__b (a/b.rs), a__mod (a/mod.rs)."""
    return {f"one/src/{name.replace('__', '/')}.rs": text for name, text in files.items()}


class Imports(unittest.TestCase):
    def problems(self, **files):
        return list(check_imports(crate(**files)))

    def test_downwards_is_right(self):
        self.assertEqual(self.problems(lib="mod a; mod b;", a="use crate::b::B;", b="pub struct B;"), [])

    def test_a_ring_of_uses(self):
        found = self.problems(lib="", a="use crate::b::B;", b="use crate::{a::A, c};", c="")
        self.assertEqual(found, ["these files import each other in a ring: one/src/a.rs, one/src/b.rs"])

    def test_a_ring_of_paths_in_code(self):
        found = self.problems(lib="", a="fn f() { crate::b::g() }", b="fn g() { super::a::f() }")
        self.assertEqual(len(found), 1)

    def test_a_ring_through_a_door(self):
        found = self.problems(
            lib="", a="use crate::d::C;", d__mod="mod c; pub use c::C;", d__c="use crate::a::A;"
        )
        self.assertEqual(found, ["these files import each other in a ring: one/src/a.rs, one/src/d/c.rs"])

    def test_what_a_door_passes_on_is_not_its_import(self):
        self.assertEqual(self.problems(lib="pub use a::A;", a="pub struct A; use crate::b::B;", b=""), [])

    def test_what_the_root_passes_on_is_taken_from_where_it_is(self):
        files = {"lib": "mod a; mod b; pub use b::B;", "b": "pub struct B;"}
        found = self.problems(**files, a="use crate::B;")
        self.assertEqual(found, ["one/src/a.rs takes B from the crate's root and not from where it is"])
        self.assertEqual(self.problems(**files, a="fn f() -> crate::B { B }"), found)
        self.assertEqual(self.problems(**files, a="use crate::b::B; fn f() { crate::said!() }"), [])

    def test_only_macros_reach_the_crate_from_outside(self):
        a = "macro_rules! m { () => { $crate::B } }"
        found = self.problems(lib="", a=a)
        self.assertEqual(found, ["one/src/a.rs names the crate from outside, $crate; that is for macros"])
        self.assertEqual(self.problems(lib="", macros=a, macros__mod=a, macros__b=a), [])

    def test_a_child_that_imports_its_door(self):
        found = self.problems(lib="", d__mod="mod c; pub(crate) fn help() {}", d__c="use super::help;")
        self.assertEqual(found, ["one/src/d/c.rs imports its own door, one/src/d/mod.rs"])

    def test_tests_comments_and_strings_do_not_count(self):
        a = """
            // use crate::b::B;
            const T: &str = "use crate::b::B;";
            #[cfg(test)]
            mod tests { use crate::b::B; fn f() { crate::b::g() } }
        """
        self.assertEqual(self.problems(lib="", a=a, b="use crate::a::A;"), [])

    def test_files_of_tests_do_not_count(self):
        a = '#[cfg(test)]\n#[path = "a_tests.rs"]\nmod tests;'
        self.assertEqual(self.problems(lib="", a=a, a_tests="use super::*; use crate::b::B;", b="use crate::a::A;"), [])

    def test_a_module_inside_a_file_is_the_file(self):
        self.assertEqual(self.problems(lib="", d__mod="mod c; pub fn f() { c::g() }", d__c="mod x { use super::y; }"), [])

    def test_a_renamed_module(self):
        files = crate(lib="", d__mod='#[path = "x.rs"]\nmod body;\npub fn f() { body::g() }', d__x="use crate::a::A;", a="")
        imports = Crate("one/src/lib.rs", files).imports(("d",))
        self.assertEqual(imports, {("d", "x")})

    def test_code(self):
        self.assertEqual(code("""a /* b */ "c\\"d" 'e' r#"f"# 'g h // i"""), 'a  "" "" "" \'g h ')


class Unsafe(unittest.TestCase):
    PLAN = "## Files with unsafe code\n\n- `one/src/a.rs`: why\n\n## Next\n- `one/src/z.rs`\n"
    GOOD = "//! About.\n//!\n//! # Safety\n//! Because.\n#![allow(unsafe_code)]\n"

    def problems(self, plan=PLAN, **files):
        return list(check_unsafe({"ARCHITECTURE.md": plan, **crate(**files)}))

    def test_listed_and_explained(self):
        self.assertEqual(self.problems(a=self.GOOD), [])

    def test_not_listed(self):
        self.assertIn("one/src/b.rs allows unsafe code; list it", self.problems(a=self.GOOD, b=self.GOOD)[0])

    def test_listed_for_nothing(self):
        self.assertIn("lists one/src/a.rs", self.problems(a="")[0])

    def test_not_explained(self):
        self.assertIn("'# Safety'", self.problems(a="//! About.\n#![allow(dead_code, unsafe_code)]\n")[0])

    def test_counters_forbid(self):
        found = list(check_unsafe({"percpu-counter/src/lib.rs": ""}))
        self.assertEqual(found, ["percpu-counter/src/lib.rs must forbid unsafe code"])


class Tree(unittest.TestCase):
    PLAN = "## The tree\n\n```text\nARCHITECTURE.md  this\na/\n  b.rs  b\n  c/    all of c\n```\n"

    def problems(self, *paths, plan=PLAN):
        return list(check_tree({"ARCHITECTURE.md": plan, **dict.fromkeys(paths, "")}))

    def test_exact(self):
        self.assertEqual(self.problems("a/b.rs", "a/c/x", "a/c/y/z"), [])

    def test_missing_from_the_plan(self):
        self.assertEqual(
            self.problems("a/b.rs", "a/d.rs", "a/c/x"), ["a/d.rs is missing from the tree in ARCHITECTURE.md"]
        )

    def test_missing_from_the_disk(self):
        self.assertIn("has a/b.rs in its tree", self.problems("a/c/x")[0])

    def test_a_row_without_words(self):
        self.assertIn("a/b.rs needs its line", self.problems("a/b.rs", "a/c/x", plan=self.PLAN.replace("  b\n", "\n"))[0])


class Fuzz(unittest.TestCase):
    def test_a_target_that_never_runs(self):
        files = {"fuzz/Cargo.toml": 'path = "fuzz_targets/a.rs"', "fuzz/fuzz_targets/a.rs": ""}
        self.assertEqual(list(check_fuzz(files)), [])
        self.assertEqual(len(list(check_fuzz({**files, "fuzz/fuzz_targets/b.rs": ""}))), 1)


class Left(unittest.TestCase):
    def test_each_kind(self):
        for line in ["// TO" "DO", "to" "do!()", "#[ig" "nore]", "```ig" "nore", "```rust,ig" "nore"]:
            self.assertEqual(len(list(check_left({"a.rs": line}))), 1, line)

    def test_nothing(self):
        self.assertEqual(list(check_left({"a.rs": 'todo = "warn" // ignored', "b.py": "TO" "DO"})), [])

    def test_long_files(self):
        text = "\n" * 401
        self.assertEqual(len(list(long_files({"a/src/a.rs": text, "a/tests/a.rs": text}))), 1)


if __name__ == "__main__":
    unittest.main()
