"""Each check of verification.py finds what it is for, and passes what is right."""

import unittest

from verification import check, mutations

KNOWN = {
    "core": {"tests/stack.rs::no_word_is_lost", "tests/torture/main.rs::lists"},
    "counter": set(),
    "slab": set(),
    "models": {"stack::push_against_drain"},
    "mutations": [("stack_no_fence", "stack::push_against_drain")],
    "targets": ["stack"],
    "scripts": {"ci/campaign.sh": "60 percpu-core stack no_word_is_lost"},
}
GOOD = [
    "`ci/loom.sh stack::`",
    "`ci/loom-mutations.sh stack::`, `ci/loom-mutations.sh stack_no_fence`",
    "`cargo test -p percpu-core --test stack`, `ci/campaign.sh no_word_is_lost`",
    "`ci/fuzz-smoke.sh stack`",
]


class Rows(unittest.TestCase):
    def problems(self, column=None, cell=""):
        cells = [cell if at == column else good for at, good in enumerate(GOOD)]
        page = f"| protocol | model | mutation | stress | fuzz |\n| --- | --- | --- | --- | --- |\n| stacks | {' | '.join(cells)} |\n"
        return list(check(page, KNOWN))

    def test_right(self):
        self.assertEqual(self.problems(), [])
        self.assertEqual(self.problems(3, "none: nothing to choose"), [])
        self.assertEqual(self.problems(2, "`cargo test -p percpu-core --test torture lists`"), [])

    def test_nothing_there(self):
        self.assertEqual(self.problems(0, "-"), ["stacks has no model, and no reason"])
        self.assertEqual(list(check("", KNOWN)), ["there is no table of protocols"])

    def test_nothing_runs(self):
        for column, command in enumerate(
            ["ci/loom.sh queue::", "ci/loom-mutations.sh queue_no_fence", "cargo test -p percpu-core --test queue", "ci/fuzz-smoke.sh queue"]
        ):
            self.assertEqual(self.problems(column, f"`{command}`"), [f"stacks: `{command}` runs nothing"])
        self.assertEqual(len(self.problems(2, "`cargo test -p percpu-core --test stack lost_twice`")), 1)
        self.assertEqual(len(self.problems(2, "`ci/campaign.sh nothing`")), 1)
        self.assertEqual(len(self.problems(0, "`ci/loom.sh`")), 1)

    def test_another_columns_command(self):
        self.assertEqual(self.problems(0, "`ci/fuzz-smoke.sh stack`"), ["stacks: `ci/fuzz-smoke.sh stack` is no model"])

    def test_too_few_cells(self):
        page = "| protocol | model |\n| stacks | `ci/loom.sh stack::` |\n"
        self.assertEqual(list(check(page, KNOWN)), ["stacks has 1 cells, not 4"])

    def test_mutations(self):
        self.assertEqual(mutations("rows='\nno_arm  words::lost\n'\n"), [("no_arm", "words::lost")])


if __name__ == "__main__":
    unittest.main()
