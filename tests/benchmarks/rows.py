"""What a table of measurements is made of: rows of two sides that do the same work in turns, and a command line."""

import argparse
import dataclasses
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable, Optional

import measure
import report

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LINE_BYTES = 528  # of a usual record


class Unsupported(Exception):
    """A row that cannot be run here; says why."""


@dataclasses.dataclass
class Input:
    path: str
    catalog: str
    rows: str  # a folder of rows that are ready for COPY, where they were asked for
    records: int
    keys: int  # different ids
    states: int
    bytes: int


@dataclasses.dataclass(frozen=True)
class Judgement:
    """A value of ours, and how large it may be: as a ratio, or, where there is nothing to compare with, as it is."""
    value: str  # a member of measure.Run
    target: float
    suffix: str = ""  # of the row's name
    unit: str = "s"
    absolute: bool = False  # not compared, although there is something to compare with


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    what: str
    ours: Any  # a side: of a class of the script's own, with the members input, is_ours and writes_rows
    other: Any = None
    judgements: tuple = ()
    work: int = 1  # so much more than the other side does
    runs: Callable[[int], int] = lambda runs: runs

    @property
    def sides(self):
        return [side for side in (self.ours, self.other) if side is not None]


def time_within(target):
    return Judgement("seconds", target)


class Bench:
    """The machine, the programs, the folders, and everything measured so far. A script says how a side is run."""

    INPUTS = {}  # name -> function(records) -> options of landfall-generate, for so many records of the table
    TARGETS = []  # what is built; left out where the build does not have it
    MOST_MEMORY_MIB = None  # of any run of ours

    def __init__(self, options, disk, memory):
        self.options = options
        self.disk = disk
        self.memory = memory
        self.inputs = {}
        self.ours = []  # every run of landfall

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    # ---- for a script to say ----

    def run(self, side) -> measure.Run:
        """One run; checks that every STATE was answered."""
        raise NotImplementedError

    def require_support(self, side):
        """Raises Unsupported where this machine or this build cannot run it."""

    def check_output(self, row, ours, others):
        """Raises measure.Failed when a side of the row did not do all of its work."""

    def machine(self):
        """More to know about the machine, for the heading."""
        return ""

    # ---- for a script to use ----

    def program(self, name):
        return os.path.join(self.options.build, "bin", name)

    def write_json(self, name, content):
        path = os.path.join(self.memory, name)
        with open(path, "w") as file:
            json.dump(content, file)
        return path

    def input(self, name):
        if name not in self.inputs:
            options = dict(self.INPUTS[name](self.options.records))
            need = options["records"] * options.get("record-bytes", LINE_BYTES)
            require_room(self.disk, need * (2 if "rows" in options else 1))
            path = os.path.join(self.disk, name + ".jsonl")
            catalog = os.path.join(self.disk, name + ".catalog.json")
            rows = os.path.join(self.disk, name + ".rows")
            if "rows" in options:
                options["rows"] = rows
            command = [self.program("landfall-generate"), "--output", path, "--catalog", catalog]
            for option, value in options.items():
                command += ["--" + option, str(value)]
            made = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            self.inputs[name] = Input(path, catalog, rows, **made)
        return self.inputs[name]

    def forget_input(self, name):
        made = self.inputs.pop(name)
        os.remove(made.path)
        shutil.rmtree(made.rows, ignore_errors=True)

    def forget_inputs_but(self, needed):
        for name in [name for name in self.inputs if name not in needed]:
            self.forget_input(name)

    def wait_until_quiet(self):
        os.sync()  # what earlier runs have left behind
        if self.options.quiet:
            measure.wait_until_quiet(self.options.quiet)


def require_room(folder, need):
    free = shutil.disk_usage(folder).free
    if os.path.realpath(folder).startswith("/dev/shm"):
        free = min(free, available_memory())
    if free < 1.1 * need:
        raise Unsupported(f"skipped: needs {need / 1e9:.1f} GB in {folder}, which has {free / 1e9:.1f}")


def available_memory():
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:"))


# ---- running ----


def run_row(bench, row):
    """All runs of a row, both sides in turns. Returns a report.Line for each judgement."""
    for side in row.sides:
        bench.require_support(side)
    ours, others = [], []
    for i in range(row.runs(bench.options.runs)):
        if i % 2 == 1:
            ours.append(bench.run(row.ours))
        if row.other is not None:
            others.append(bench.run(row.other))
        if i % 2 == 0:
            ours.append(bench.run(row.ours))
    bench.check_output(row, ours, others)
    return [judged(row, judgement, ours, others) for judgement in row.judgements]


def judged(row, judgement, ours, others):
    line = line_of(row, judgement)
    work = row.work if judgement.value.endswith("seconds") else 1
    line.ours = [getattr(run, judgement.value) for run in ours]
    if line.compared:
        line.limit = [getattr(run, judgement.value) * work for run in others]
    line.peak_mib = max(run.peak_mib for run in ours)
    line.others = max(run.others for run in ours + others)
    return line


def line_of(row, judgement, note=""):
    compared = row.other is not None and not judgement.absolute
    return report.Line(row.name + judgement.suffix, judgement.unit, judgement.target, compared, note)


def most_memory(bench):
    line = report.Line("memory", "MiB", bench.MOST_MEMORY_MIB, compared=False)
    line.peak_mib = max(run.peak_mib for run in bench.ours)
    line.ours = [line.peak_mib]
    return line


def run_rows(bench, rows):
    """Prints each row as soon as it is there. Returns all lines, and whether every row ran."""
    lines, all_ran = [], True
    for i, row in enumerate(rows):
        began = time.monotonic()
        try:
            made = run_row(bench, row)
        except Unsupported as reason:
            made = [line_of(row, judgement, str(reason)) for judgement in row.judgements]
        except measure.Failed as failure:
            print(f"{row.name}: {failure}", file=sys.stderr)
            made, all_ran = [line_of(row, judgement, "failed") for judgement in row.judgements], False
        lines += made
        for line in made:
            ratio = "" if line.ratio is None else f"ratio {line.ratio:.2f}, "
            print(f"  {line.name}: {ratio}{line.verdict} ({time.monotonic() - began:.0f} s)", file=sys.stderr)
        bench.forget_inputs_but({side.input for later in rows[i + 1:] for side in later.sides} | {"empty"})
    if bench.ours:
        lines.append(most_memory(bench))
    return lines, all_ran


# ---- the machine and the build ----


def processor_name():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def build_text(build):
    """How the programs were built, as far as it matters for their speed."""
    known = {}
    with open(os.path.join(build, "CMakeCache.txt")) as file:
        for line in file:
            name, _, value = line.strip().partition("=")
            known[name.split(":")[0]] = value
    kind = known.get("CMAKE_BUILD_TYPE", "")
    text = f"{kind} build ({known.get('CMAKE_CXX_FLAGS_' + kind.upper(), '')})"
    if known.get("LANDFALL_SANITIZE"):
        text += f" with the {known['LANDFALL_SANITIZE']} sanitizer: no measure of speed"
    return text


def make_programs(options, targets):
    if not options.make:
        return
    if not os.path.exists(os.path.join(options.build, "CMakeCache.txt")):
        subprocess.run(["cmake", "-S", ROOT, "-B", options.build, "-DCMAKE_BUILD_TYPE=Release"], check=True,
                       stdout=sys.stderr)
    build = ["cmake", "--build", options.build]
    known = subprocess.run([*build, "--target", "help"], check=True, stdout=subprocess.PIPE, text=True).stdout
    there = [target for target in targets if re.search(rf"(?m)^(\.\.\. )?{re.escape(target)}\b(?!-)", known)]
    subprocess.run([*build, "--parallel", str(os.cpu_count()), "--target", *there], check=True, stdout=sys.stderr)


# ---- the command line ----


def parse_options(description, more_options):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--build", default=os.path.join(ROOT, "build"), help="build folder (default: build)")
    add("--no-make", dest="make", action="store_false", help="the programs are built already")
    add("--records", type=int, default=1_000_000, help="of the usual input, 528 bytes each (default: 1000000)")
    add("--runs", type=int, default=5, help="of each side of a row (default: 5)")
    add("--only", default="", help="rows, with commas between them")
    add("--list", action="store_true", help="what the rows are")
    add("--svg", metavar="FILE", help="a picture of the ratios")
    add("--markdown", metavar="FILE", help="the table for a README")
    add("--strict", action="store_true", help="exit with 1 when a target was missed")
    add("--disk", metavar="DIR", help="on a disk: inputs, and whatever is synced (default: the build folder)")
    add("--memory", metavar="DIR", help="in memory: all the rest (default: /dev/shm, if there is one)")
    add("--quiet", type=float, default=0, metavar="S", help="wait up to S seconds before each run for a quiet machine")
    add("--timeout", type=float, default=600, metavar="S", help="a run that takes longer has failed (default: 600)")
    more_options(add)
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.disk = options.disk or options.build
    options.memory = options.memory or ("/dev/shm" if os.path.isdir("/dev/shm") else options.disk)
    return options


def chosen_rows(rows, only):
    if not only:
        return rows
    wanted = only.split(",")
    unknown = set(wanted) - {row.name for row in rows}
    if unknown:
        sys.exit(f"no such row: {', '.join(sorted(unknown))}. There are: {', '.join(row.name for row in rows)}")
    return [row for row in rows if row.name in wanted]


def main(description, make_bench, all_rows, title, more_options=lambda add: None):
    """The whole script: its command line, its rows, its table. Returns the exit code."""
    options = parse_options(description, more_options)
    rows = chosen_rows(all_rows, options.only)
    if options.list:
        for row in rows:
            print(f"{row.name:20} {row.what}")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # folders and servers are left in order
    make_programs(options, make_bench.TARGETS)
    print(f"{len(rows)} rows, {options.runs} runs each", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="landfall-bench-", dir=options.disk) as disk, \
            tempfile.TemporaryDirectory(prefix="landfall-bench-", dir=options.memory) as memory, \
            make_bench(options, disk, memory) as bench:
        lines, all_ran = run_rows(bench, rows)
        machine = f"{processor_name()}, {os.cpu_count()} processors, {platform.system()} {platform.release()}"
        machine += bench.machine()

    heading = f"{options.records:,} records, {options.runs} runs: median (fastest..slowest)"
    print(f"{heading}\n{machine}\n{build_text(options.build)}\n")
    print(report.table(lines))
    print("ratio: landfall / compared with; of times, where the row names nothing else. fastest: that of the fastest\n"
          "runs. MiB: most memory of landfall's process. others: processors that were busy with something else, at\n"
          "most. What the rows are: --list.")
    if options.svg:
        save(options.svg, report.chart(lines, title, f"{heading}. {machine}"))
    if options.markdown:
        save(options.markdown, report.markdown(lines, f"{heading}. {machine}."))
    return exit_code(lines, all_ran, options.strict)


def save(path, text):
    with open(path, "w") as file:
        file.write(text)


def exit_code(lines, all_ran, strict):
    missed = any(line.verdict == "missed" for line in lines)
    return 1 if not all_ran or (strict and missed) else 0
