"""Sections and a debugger, in gdb: `ci/gdb.sh` runs this.

1. Both arrays are in the program and list every section and every way out.
2. `stepi` in a section always lands in its abort path.
3. With the rule "where a section begins, run to one of its ends" the program that is
   stepped from one instruction to the next comes to its end, with exact sums.
"""

import os
import re
import struct

import gdb

STEPS = 3


def fail(text):
    print("FAILED: " + text)
    gdb.execute("kill", to_string=True)
    gdb.execute("quit 1")


def check(condition, text):
    if not condition:
        fail(text)


def where(name):
    """First and last address of a section of the program, as it was loaded."""
    for line in gdb.execute("info files", to_string=True).splitlines():
        found = re.match(r"\s*0x([0-9a-f]+) - 0x([0-9a-f]+) is (\S+)$", line)
        if found and found.group(3) == name:
            return int(found.group(1), 16), int(found.group(2), 16)
    fail("the program has no " + name)


def quads(name):
    start, end = where(name)
    memory = bytes(gdb.selected_inferior().read_memory(start, end - start))
    return struct.unpack("<%dQ" % (len(memory) // 8), memory)


def pc():
    return int(gdb.selected_frame().pc())


class Section:
    def __init__(self, descriptor):
        memory = bytes(gdb.selected_inferior().read_memory(descriptor, 32))
        self.version, flags, self.start, length, self.abort = struct.unpack("<IIQQQ", memory)
        check((self.version, flags) == (0, 0), "a descriptor of another version")
        self.end = self.start + length
        self.exits = set()
        self.stepped = 0

    def __contains__(self, address):
        return self.start <= address < self.end

    def branches_out(self):
        """Where its instructions may go, but for its end."""
        code = gdb.selected_inferior().architecture().disassemble(self.start, self.end - 1)
        for instruction in code:
            branch = re.match(r"(j\w+|b\.\w+|b|cbn?z|tbn?z)\s.*?0x([0-9a-f]+)\s*(<|$)", instruction["asm"])
            if branch:
                target = int(branch.group(2), 16)
                if target not in self and target != self.end:
                    yield target


def sections():
    """All of them, checked against what the linker made of the program."""
    pointers, exits = quads("__rseq_cs_ptr_array"), quads("__rseq_exit_point_array")
    start, end = where("__rseq_cs")
    check(sorted(pointers) == list(range(start, end, 32)), "__rseq_cs_ptr_array: not every descriptor")
    found = {section.start: section for section in map(Section, pointers)}
    for start, to in zip(exits[::2], exits[1::2]):
        check(start in found, "__rseq_exit_point_array: of no section")
        found[start].exits.add(to)
    failures = where("__rseq_failure")
    out = 0
    for section in found.values():
        check(failures[0] <= section.abort < failures[1], "an abort handler elsewhere")
        for target in section.branches_out():
            check(target in section.exits, "%#x goes to %#x, which no array tells" % (section.start, target))
            out += 1
    print("%d sections, %d ways out of them, all told" % (len(found), out))
    return found


def step():
    gdb.execute("stepi", to_string=True)


def run_out(section):
    """From inside of a section, which restarts, to one of its ends."""
    stops = [gdb.Breakpoint("*%#x" % at, internal=True) for at in {section.end} | section.exits]
    gdb.execute("continue", to_string=True)
    check(pc() == section.end or pc() in section.exits, "not at an end of the section: %#x" % pc())
    for stop in stops:
        stop.delete()


def main():
    for setting in ("pagination off", "confirm off", "debuginfod enabled off", "print frame-info short-location"):
        gdb.execute("set " + setting, to_string=True)
    first = gdb.Breakpoint(os.environ["STEPPED"], internal=True)
    # The first call brings memory up: a long way, and nothing new.
    first.ignore_count = 1
    gdb.execute("run", to_string=True)
    if gdb.selected_thread() is None:
        print("FAILED: the program did not come to " + os.environ["STEPPED"])
        gdb.execute("quit 1")
    found = sections()
    by_start = sorted(found)
    # The other thread only waits for this one.
    gdb.execute("set scheduler-locking on", to_string=True)
    aborted = steps = rounds = 0
    seen = set()
    depth = gdb.selected_frame().older().read_register("rsp")
    while True:
        # To the function's end.
        if gdb.selected_frame().read_register("rsp") >= depth:
            break
        step()
        steps += 1
        at = pc()
        section = found.get(at)
        if section is None:
            check(not any(at in found[start] for start in by_start), "in a section, but not at its start")
            continue
        seen.add(at)
        if section.stepped == 0:
            # Unaware of sections: each step is an abort.
            for _ in range(STEPS):
                step()
                here = pc()
                check(here not in section, "stepi went on in a section, at %#x" % here)
                aborted += 1
                while pc() != section.start:
                    step()
            section.stepped = STEPS
        run_out(section)
        rounds += 1
    print("%d steps: %d aborts where sections were stepped, %d times run over one, %d sections"
          % (steps, aborted, rounds, len(seen)))
    check(len(seen) >= int(os.environ["AT_LEAST"]), "too few sections were met")
    first.delete()
    gdb.execute("set scheduler-locking off", to_string=True)
    gdb.execute("continue")


main()
