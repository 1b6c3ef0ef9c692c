"""What sanitizers.py reads and refuses."""

import contextlib
import io
import unittest
from pathlib import Path

import sanitizers
from sanitizers import interpreted, is_there, parts, stale, suite_of, table

PAGE = """
| tools | suite | test | why |
| --- | --- | --- | --- |
| address, thread | `percpu-core/memory` | `refused` | the shadow counts |
| thread | `percpu-core/lib` | `area::tests::forks` | forks |
| miri | `percpu-core/memory` | all | system calls |
| miri | `percpu-core/lib` | `area::bitmap` | arithmetic |
"""
SAID = """-- percpu-core
     Running unittests src/lib.rs (target/miri/deps/percpu_core-07)
test area::small ... ok
test area::wide ... ignored, long rows
test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.00s
     Running tests/memory.rs (target/miri/deps/memory-07)
test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
     Running tests/loom/main.rs (target/miri/deps/loom-07)
test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
"""


class Sanitizers(unittest.TestCase):
    def test_a_row_counts_for_each_of_its_tools(self):
        self.assertEqual(table(PAGE, "address"), {"percpu-core/memory": {"refused": "the shadow counts"}})
        self.assertEqual(set(table(PAGE, "thread")), {"percpu-core/memory", "percpu-core/lib"})
        self.assertEqual(table(PAGE, "miri"), {"percpu-core/memory": {"all": "system calls"}, "percpu-core/lib": {"area::bitmap": "arithmetic"}})
        self.assertEqual(table(PAGE, "read"), {})

    def test_a_row_without_its_test_is_stale(self):
        rows = table(PAGE, "thread")
        there = {"percpu-core/memory": ["refused"], "percpu-core/lib": ["area::tests::forks"]}
        self.assertEqual(list(stale(rows, there)), [])
        there["percpu-core/memory"] = ["refused_now"]
        self.assertEqual(list(stale(rows, there)), ["no test refused in percpu-core/memory"])
        self.assertEqual(list(stale(rows, {"percpu-core/memory": ["refused"]})), ["no suite percpu-core/lib"])
        self.assertEqual(list(stale({"a/b": {"all": ""}}, {"a/b": []})), [])

    def test_a_suite_is_named_by_its_file(self):
        self.assertEqual(suite_of("percpu-slab", Path("src/lib.rs")), "percpu-slab/lib")
        self.assertEqual(suite_of("percpu-slab", Path("tests/slab.rs")), "percpu-slab/slab")
        self.assertEqual(suite_of("percpu-slab", Path("tests/compat/main.rs")), "percpu-slab/compat")

    def miri(self, said):
        read, sanitizers.PAGE = sanitizers.PAGE, self
        self.read_text = lambda encoding: PAGE
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                return interpreted(said.splitlines(keepends=True))
        finally:
            sanitizers.PAGE = read

    def test_what_miri_leaves_out_needs_a_reason(self):
        _, _, passed, skipped, problems = self.miri(SAID)
        self.assertEqual(passed, 1)
        self.assertEqual(
            skipped,
            [
                ("percpu-core/lib", "area::wide", "long rows"),
                ("percpu-core/lib", "area::bitmap", "arithmetic"),
                ("percpu-core/memory", "all", "system calls"),
            ],
        )
        self.assertEqual(problems, ["nothing of percpu-core/loom is built for Miri, and no row says why"])
        *_, problems = self.miri(SAID.replace("ignored, long rows", "ignored"))
        self.assertIn("percpu-core/lib area::wide is ignored without a reason", problems)

    def test_what_a_part_of_a_name_leaves_out_is_there(self):
        rows = table(PAGE, "miri")
        self.assertEqual(parts(rows), [("percpu-core/lib", "area::bitmap")])
        self.assertTrue(is_there("percpu-core/lib", "area::bitmap"))
        self.assertFalse(is_there("percpu-core/lib", "area::bitmask"))

    def test_what_fails_or_does_not_end_under_miri_is_told(self):
        end = "-- percpu-core: cargo says 101\n"
        *_, problems = self.miri(SAID.replace("1 passed; 0 failed", "0 passed; 1 failed") + end)
        self.assertIn("percpu-core/lib: 1 failed", problems)
        self.assertIn("percpu-core: cargo says 101", problems)
        *_, problems = self.miri("\n".join(SAID.split("\n")[:4]) + "\n")
        self.assertIn("percpu-core/lib did not end", problems)

    def test_what_runs_under_miri_needs_none(self):
        *_, problems = self.miri(SAID.replace("ok. 0 passed", "ok. 3 passed"))
        self.assertEqual(problems, ["percpu-core/memory runs, though a row says why it does not"])


if __name__ == "__main__":
    unittest.main()
