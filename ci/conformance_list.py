"""Has cargo build tests and asks each what is in it, crate by crate.

    conformance_list.py FOLDER NAME CARGO-ARGUMENT ...

Writes FOLDER/CRATE/NAME as `cargo test -- --list` would, and
what is ignored as FOLDER/.../ignored.
"""

import json
import subprocess
import sys
from pathlib import Path

from conformance import CRATES


def executables(messages):
    """(crate, file below the crate, executable) of each test."""
    for line in messages.splitlines():
        message = json.loads(line)
        if message.get("reason") != "compiler-artifact" or not message["profile"]["test"] or not message["executable"]:
            continue
        source = Path(message["target"]["src_path"])
        package = Path(message["manifest_path"]).parent
        yield package.name.removeprefix("percpu-"), source.relative_to(package), message["executable"]


def asked(executable, *options):
    return subprocess.run([executable, "--list", *options], capture_output=True, text=True, check=True).stdout


def main(folder, name, *cargo):
    command = ["cargo", *cargo, "--no-run", "--message-format=json"]
    built = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    lists = {crate: {name: "", "ignored": ""} for crate in CRATES}
    for crate, file, executable in executables(built):
        if crate in lists:
            head = f"     Running {file} ({executable})\n"
            lists[crate][name] += head + asked(executable)
            if name == "plain":
                lists[crate]["ignored"] += head + asked(executable, "--ignored")
    for crate, texts in lists.items():
        Path(folder, crate).mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            if file == name or name == "plain":
                Path(folder, crate, file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
