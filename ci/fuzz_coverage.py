"""What llvm-cov tells of the three crates, as a table: file by file, crate by crate.

llvm-cov export -summary-only ... | python3 ci/fuzz_coverage.py FOLDER
"""

import json
import sys

CRATES = ["percpu-core", "percpu-counter", "percpu-slab"]


def rows(told, folder):
    """(file, lines, lines reached, regions, regions reached), by file."""
    for file in told["data"][0]["files"]:
        name = file["filename"].removeprefix(folder.rstrip("/") + "/")
        if name.split("/src/")[0] in CRATES:
            lines, regions = file["summary"]["lines"], file["summary"]["regions"]
            yield name, lines["count"], lines["covered"], regions["count"], regions["covered"]


def share(reached, count):
    return f"{100 * reached / count:5.1f} %" if count else "      -"


def line(name, row):
    lines, line_hits, regions, region_hits = row
    return (
        f"{name:<52} {line_hits:>5} of {lines:>5} {share(line_hits, lines)}"
        f" {region_hits:>6} of {regions:>6} {share(region_hits, regions)}"
    )


def main(folder):
    found = sorted(rows(json.load(sys.stdin), folder))
    print(f"{'file':<52} {'lines':>14} {'':>7} {'regions':>16}")
    for name, *row in found:
        print(line(name, row))
    for crate in CRATES:
        own = [row for name, *row in found if name.startswith(crate + "/")]
        print(line(crate, [sum(column) for column in zip(*own)] if own else [0] * 4))


main(sys.argv[1])
