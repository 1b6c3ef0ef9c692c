"""Each check of conformance.py finds what it is for, and passes what is right."""

import unittest

from conformance import WANTED, aliases, all_tests, check_names, check_rows, kernel_names, listed, missing, within

LIST = """
   Compiling percpu-core v0.1.0
     Running unittests src/lib.rs (target/debug/deps/percpu_core-07)
area::chunk_tests::full: test

1 test, 0 benchmarks
     Running tests/memory.rs (target/debug/deps/memory-99)
any_thread_may_free: test
slow: test
     Running tests/loom/main.rs (target/debug/deps/loom-1f)
0 tests, 0 benchmarks
   Doc-tests percpu_core
percpu-core/src/per_cpu.rs - per_cpu::PerCpu<T>::zeroed (line 75): test
percpu-core/src/per_cpu.rs - per_cpu::PerCpu (line 45) - compile fail: test
percpu-core/src/sys/topology.rs - sys::topology::Topology (line 80): test
percpu-core/src/lib.rs - (line 9): test
"""
IGNORED = """
     Running tests/memory.rs (target/debug/deps/memory-99)
slow: test
"""
LOOM = """
     Running tests/loom/main.rs (target/percpu_loom/loom/deps/loom-c3)
words::lost: test
"""
INJECT = """
     Running tests/inject.rs (target/inject/deps/inject-c3)
exact: test
"""
TESTS = all_tests(LIST, IGNORED, LOOM, INJECT)
SCRIPTS = {"ci/link.sh": "# not this\nkinds() {\n"}


class Tests(unittest.TestCase):
    def test_names(self):
        self.assertIn("src::area::chunk_tests::full", TESTS)
        self.assertIn("tests/memory.rs::any_thread_may_free", TESTS)
        self.assertIn("doc src/per_cpu.rs PerCpu::zeroed", TESTS)
        self.assertIn("doc src/per_cpu.rs PerCpu", TESTS)
        self.assertIn("doc src/sys/topology.rs Topology", TESTS)
        self.assertIn("loom::words::lost", TESTS)
        self.assertIn("inject::exact", TESTS)
        self.assertEqual(len(listed("area::x: test")), 0, "before any file")

    def test_names_of_another_crate(self):
        names = within("counter", {"tests/x.rs::y", "doc src/a.rs B", "loom::z"})
        self.assertEqual(names, {"counter/tests/x.rs::y", "doc counter/src/a.rs B", "counter/loom::z"})

    def test_what_is_ignored_is_no_test(self):
        self.assertNotIn("tests/memory.rs::slow", TESTS)


class Rows(unittest.TestCase):
    def problems(self, shown, mode="any", name="AD-01"):
        rest = [f"| {other} | x | any | `fuzz/chunk` |" for other in WANTED if other != name]
        table = "\n".join([f"| {name} | a thing | {mode} | {shown} |", *rest])
        return list(check_rows(table, TESTS, SCRIPTS, ["chunk"]))

    def test_right_names(self):
        for name in sorted(TESTS) + ["ci/link.sh kinds", "fuzz/chunk"]:
            self.assertEqual(self.problems(f"`{name}`"), [], name)

    def test_wrong_names(self):
        for name in [
            "tests/memory.rs::any_thread_may_fly", "tests/memory.rs::slow", "tests/other.rs::any_thread_may_free",
            "src::area::chunk_tests::empty", "src::any_thread_may_free", "doc src/per_cpu.rs Nothing",
            "loom::words::found", "inject::nearly", "ci/link.sh not", "ci/link.sh", "ci/gone.sh kinds", "fuzz/gone",
        ]:  # fmt: skip
            self.assertEqual(self.problems(f"`fuzz/chunk`, `{name}`"), [f"AD-01 names `{name}`, and no such test runs"])

    def test_no_name(self):
        self.assertEqual(self.problems("it is `obvious`"), ["AD-01 names no test"])
        self.assertEqual(self.problems("-"), ["AD-01 names no test"])

    def test_no_mode(self):
        self.assertEqual(self.problems("`fuzz/chunk`", mode="-"), ["AD-01 does not say in which mode it is shown"])

    def test_answered_otherwise(self):
        self.assertEqual(self.problems("otherwise: P2, and nobody has asked for it.", mode="-"), [])
        self.assertEqual(self.problems("otherwise: no."), ["AD-01 is answered otherwise, without a reason"])
        self.assertEqual(len(self.problems("otherwise: as `tests/memory.rs::gone` shows so well.")), 1)

    def test_missing(self):
        self.assertEqual(self.problems("missing", mode="-"), [])
        self.assertEqual(missing("| AD-01 | x | - | missing |\n| AD-02 | missing | any | `fuzz/chunk` |"), ["AD-01"])

    def test_no_row_or_a_wrong_one(self):
        self.assertEqual(self.problems("`fuzz/chunk`", name="AD-99"), ["AD-99 is no row of the specification"])
        self.assertEqual(len(list(check_rows("", TESTS))), len(WANTED))
        twice = "\n".join(f"| {name} | x | any | `fuzz/chunk` |" for name in [*WANTED, "FB-01"])
        self.assertEqual(list(check_rows(twice, TESTS, {}, ["chunk"])), ["FB-01 is there twice"])


class Names(unittest.TestCase):
    def test_of_the_list(self):
        text = "# a b\nc d # e\n\nlater: f g\nslab: h\ncounter: i\n"
        self.assertEqual(kernel_names(text), (["c", "d"], ["f", "g"]))
        self.assertEqual(kernel_names(text, "counter"), (["i"], []))

    def test_aliases(self):
        text = '#[doc(alias = "a")]\n#![doc(alias("b", "c"))]\n// "d"'
        self.assertEqual(aliases([text]), {"a", "b", "c"})

    def test_found_or_not(self):
        page = "| `a`, `b=` | here |"
        self.assertEqual(list(check_names((["a", "b"], ["c"]), page, {"a", "b"})), [])
        self.assertEqual(len(list(check_names((["a"], []), page, set()))), 1)
        self.assertEqual(len(list(check_names((["c"], []), page, {"c"}))), 1)
        self.assertEqual(len(list(check_names(([], ["a"]), page, {"a"}))), 1)


if __name__ == "__main__":
    unittest.main()
