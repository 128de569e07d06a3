#!/usr/bin/env python3
"""How fast landfall is: the same work by landfall and by a hand-written loop, in turns, on this machine.

    python3 tests/benchmarks/run.py                              the whole table: 10 to 20 minutes, 7 GB of disk, 5 of memory
    python3 tests/benchmarks/run.py --only data-file,route       some rows; --list names them
    python3 tests/benchmarks/run.py --records 100000 --runs 3    smaller

Builds what is missing. Times are those of whole processes, from start to exit; ratios are of medians. Each run is
checked: every STATE was answered, and as many bytes were written as by the loop it is compared with. Exit code 0 when
every row ran; 1 when one failed, or, with --strict, when a target was missed.
"""

import argparse
import dataclasses
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Callable, Optional

sys.dont_write_bytecode = True  # nothing is left in the source tree
import measure  # noqa: E402
import report  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGETS = ["landfall-generate", "landfall-limits", "landfall-bench-destination", "destination-jsonl"]
LINE_BYTES = 528  # of a usual record
STUCK_STREAM = "orders_1"

# ---- inputs: options of landfall-generate, for so many records of the table ----

INPUTS = {
    "plain": lambda records: {"records": records},
    "many-streams": lambda records: {"records": records, "streams": 400, "run": 1},
    "many-states": lambda records: {"records": records, "states": "one", "state-every": 10},
    "few-states": lambda records: {"records": records, "states": "one", "state-every": max(1, records // 100)},
    "small-records": lambda records: {"records": records * LINE_BYTES // 100, "record-bytes": 100},
    "large-records": lambda records: {"records": max(1, records * LINE_BYTES // 10_000), "record-bytes": 10_000},
    "huge-records": lambda records: {"records": max(1, records * LINE_BYTES // 5_000_000), "record-bytes": 5_000_000},
    "ten-times": lambda records: {"records": records * 10},
    "five-times": lambda records: {"records": records * 5},
    "empty": lambda records: {"records": 0},
}


@dataclasses.dataclass
class Input:
    path: str
    catalog: str
    states: int
    bytes: int


# ---- rows ----


@dataclasses.dataclass(frozen=True)
class Side:
    """How one side of a row is run."""
    program: str  # jsonl, drop, or a mode of landfall-limits
    input: str = "plain"
    feed: str = "file"  # or pipe, or timed: a pipe, with the times of STATEs
    store: str = "memory"  # where the rows go; or disk
    format: str = "data"  # of jsonl
    spill: Optional[dict] = None  # landfall.spill; None: not mentioned
    settings: Optional[dict] = None  # of drop
    sync: str = "none"  # of landfall-limits

    @property
    def is_ours(self):
        return self.program in ("jsonl", "drop")

    @property
    def writes_rows(self):
        return self.program not in ("drop", "ondemand")


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
    ours: Side
    other: Optional[Side] = None
    judgements: tuple = ()
    work: int = 1  # so much more than the other side does
    runs: Callable[[int], int] = lambda runs: runs


def time_within(target):
    return Judgement("seconds", target)


def spilled(policy, **more):
    return {"policy": policy, **more}


MOST_MEMORY_MIB = 64
CPU = Judgement("cpu_seconds", 1.4, " CPU")

ROWS = [
    Row("data-file", "destination-jsonl, records as they came, input a file; the loop: raw",
        Side("jsonl"), Side("raw"), (time_within(1.25), CPU)),
    Row("data-pipe", "the same, input a pipe",
        Side("jsonl", feed="pipe"), Side("raw", feed="pipe"), (time_within(1.25), CPU)),
    Row("airbyte-file", "destination-jsonl, Airbyte's columns, input a file; the loop: envelope",
        Side("jsonl", format="airbyte"), Side("envelope"), (time_within(1.25),)),
    Row("airbyte-pipe", "the same, input a pipe",
        Side("jsonl", format="airbyte", feed="pipe"), Side("envelope", feed="pipe"), (time_within(1.25),)),
    Row("disk", "data on disk, STATEs answered after fdatasync, the longest time from a STATE in the pipe to its "
        "answer; the loop: raw, with one sync at the end",
        Side("jsonl", feed="timed", store="disk"), Side("raw", feed="timed", store="disk", sync="end"),
        (time_within(1.25), Judgement("longest_wait", 1.0, " STATE wait", absolute=True))),
    Row("route", "reading, parsing and routing alone, records checked whole; the loop: ondemand, which does not check",
        Side("drop"), Side("ondemand"), (time_within(1.15),)),
    Row("route-unchecked", "the same without the check (Destination::decodes_every_value)",
        Side("drop", settings={"check_records": False}), Side("ondemand"), (time_within(1.15),)),
    Row("400-streams", "400 streams in runs of one record; against 4 streams",
        Side("jsonl", input="many-streams"), Side("jsonl"), (time_within(1.3),)),
    Row("400-streams-loop", "the same; the loop: raw, with as many streams",
        Side("jsonl", input="many-streams"), Side("raw", input="many-streams"), (time_within(1.3),)),
    Row("many-states", "a STATE every 10 records; against 100 STATEs",
        Side("jsonl", input="many-states"), Side("jsonl", input="few-states"), (time_within(1.3),)),
    Row("100-bytes", "records of 100 bytes; the loop: raw",
        Side("jsonl", input="small-records"), Side("raw", input="small-records"), (time_within(1.3),)),
    Row("10-kB", "records of 10 kB; the loop: raw",
        Side("jsonl", input="large-records"), Side("raw", input="large-records"), (time_within(1.3),)),
    Row("5-MB", "records of 5 MB; the loop: raw",
        Side("jsonl", input="huge-records"), Side("raw", input="huge-records"), (time_within(1.3),)),
    Row("ten-times", "ten times the records; against ten times the time, and the same memory",
        Side("jsonl", input="ten-times"), Side("jsonl"),
        (time_within(1.1), Judgement("peak_mib", 1.1, " memory", "MiB")), work=10),
    Row("ten-times-loop", "the same; the loop: raw, with as many records",
        Side("jsonl", input="ten-times"), Side("raw", input="ten-times"), (time_within(1.25),)),
    Row("empty", "from start to exit without a record",
        Side("jsonl", input="empty"), None, (Judgement("seconds", 0.015, unit="ms"),), runs=lambda runs: 3 * runs),
    Row("spill", "every batch goes over the disk, without sync; the loop: spill",
        Side("jsonl", spill=spilled("always", sync="none")), Side("spill"), (time_within(1.25),)),
    Row("spill-sync", "the same, with sync; the loop: an fdatasync for each 4 MiB",
        Side("jsonl", spill=spilled("always", sync="group")), Side("spill", sync="frames"), (time_within(1.25),)),
    Row("spill-unused", "spilling allowed, but not needed; against spilling forbidden",
        Side("jsonl", spill=spilled("over_budget")), Side("jsonl", spill=spilled("never")), (time_within(1.02),)),
    Row("stuck-memory", "one of four streams is stuck until the others, with 2 GB, are through",
        Side("drop", input="five-times", settings={"stuck_stream": STUCK_STREAM}, spill=spilled("over_budget")), None,
        (Judgement("peak_mib", MOST_MEMORY_MIB, unit="MiB"),), runs=lambda runs: 1),
]


class Unsupported(Exception):
    """A row that cannot be run here; says why."""


class Bench:
    """The machine, the programs, the folders, and everything measured so far."""

    def __init__(self, options, disk, memory):
        self.options = options
        self.disk = disk
        self.memory = memory
        self.inputs = {}
        self.timed_inputs = {}
        self.ours = []  # every run of landfall

    def program(self, name):
        return os.path.join(self.options.build, "bin", name)

    # ---- inputs ----

    def input(self, name):
        if name not in self.inputs:
            options = INPUTS[name](self.options.records)
            need = options["records"] * options.get("record-bytes", LINE_BYTES)
            require_room(self.disk, need)
            path = os.path.join(self.disk, name + ".jsonl")
            catalog = os.path.join(self.disk, name + ".catalog.json")
            command = [self.program("landfall-generate"), "--output", path, "--catalog", catalog]
            for option, value in options.items():
                command += ["--" + option, str(value)]
            made = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            self.inputs[name] = Input(path, catalog, made["states"], made["bytes"])
        return self.inputs[name]

    def timed_input(self, name):
        if name not in self.timed_inputs:
            self.timed_inputs[name] = measure.TimedInput(self.input(name).path)
        return self.timed_inputs[name]

    def forget_inputs_but(self, needed):
        for name in [name for name in self.inputs if name not in needed]:
            self.timed_inputs.pop(name, None)
            os.remove(self.inputs.pop(name).path)

    # ---- runs ----

    def run(self, side):
        """One run; checks that every STATE was answered."""
        source = self.input(side.input)
        store = os.path.join(self.disk if side.store == "disk" else self.memory, "rows")
        if side.writes_rows:
            require_room(os.path.dirname(store), source.bytes)
        command = self.limit_command(side, store) if not side.is_ours else self.command(side, store, source)
        feed = self.timed_input(side.input) if side.feed == "timed" else side.feed
        os.sync()  # what earlier runs have left behind
        if self.options.quiet:
            measure.wait_until_quiet(self.options.quiet)
        try:
            said = os.path.join(self.memory, "stdout")
            run = measure.measure(command, source.path, feed, said, self.options.timeout)
            run.written = folder_bytes(store)
        finally:
            shutil.rmtree(store, ignore_errors=True)
            shutil.rmtree(self.spill_folder(), ignore_errors=True)
        if side.is_ours:
            if run.states != source.states:
                raise measure.Failed(f"{side.program} answered {run.states} of {source.states} STATEs")
            self.ours.append(run)
        return run

    def command(self, side, store, source):
        configuration = {"destination_path": store, "format": side.format}
        if side.program == "drop":
            configuration = dict(side.settings or {})
        if side.spill is not None:
            configuration["landfall"] = {"spill": {**side.spill, "directory": self.spill_folder()}}
            os.makedirs(self.spill_folder(), exist_ok=True)
        program = "landfall-bench-destination" if side.program == "drop" else "destination-jsonl"
        return [self.program(program), "write", "--config", self.write_json("config.json", configuration),
                "--catalog", source.catalog]

    def limit_command(self, side, store):
        os.makedirs(self.spill_folder(), exist_ok=True)
        return [self.program("landfall-limits"), side.program, "--out", store, "--spill", self.spill_folder(),
                "--sync", side.sync]

    def require_support(self, side):
        """An empty sync tells whether this build knows these settings."""
        if side is None or side.spill is None:
            return
        source = self.input("empty")
        command = self.command(side, os.path.join(self.memory, "rows"), source)
        with open(source.path, "rb") as stdin:
            done = subprocess.run(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        shutil.rmtree(os.path.join(self.memory, "rows"), ignore_errors=True)
        if done.returncode != 0 and b"spill" in done.stdout:
            raise Unsupported("not supported by this build")

    def spill_folder(self):
        return os.path.join(self.disk, "spill")

    def write_json(self, name, content):
        path = os.path.join(self.memory, name)
        with open(path, "w") as file:
            json.dump(content, file)
        return path


def require_room(folder, need):
    free = shutil.disk_usage(folder).free
    if os.path.realpath(folder).startswith("/dev/shm"):
        free = min(free, available_memory())
    if free < 1.1 * need:
        raise Unsupported(f"skipped: needs {need / 1e9:.1f} GB in {folder}, which has {free / 1e9:.1f}")


def available_memory():
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:"))


def folder_bytes(folder):
    """Of all files of rows; not of what a connector keeps beside them in hidden ones."""
    total = 0
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        total += sum(os.path.getsize(os.path.join(path, name)) for name in files if not name.startswith("."))
    return total


def run_row(bench, row):
    """All runs of a row, both sides in turns. Returns a report.Line for each judgement."""
    bench.require_support(row.ours)
    bench.require_support(row.other)
    ours, others = [], []
    for i in range(row.runs(bench.options.runs)):
        if i % 2 == 1:
            ours.append(bench.run(row.ours))
        if row.other is not None:
            others.append(bench.run(row.other))
        if i % 2 == 0:
            ours.append(bench.run(row.ours))
    if row.other is not None and not row.other.is_ours and row.ours.writes_rows:
        check_output(ours, others)
    return [judged(row, judgement, ours, others) for judgement in row.judgements]


def check_output(ours, others):
    for run in ours:
        if run.written != others[0].written:
            raise measure.Failed(f"{run.written} bytes of rows were written, not {others[0].written}")


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


def most_memory(runs):
    line = report.Line("memory", "MiB", MOST_MEMORY_MIB, compared=False)
    line.peak_mib = max(run.peak_mib for run in runs)
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
        later = [side.input for other in rows[i + 1:] for side in (other.ours, other.other) if side is not None]
        bench.forget_inputs_but(set(later) | {"empty"})
    if bench.ours:
        lines.append(most_memory(bench.ours))
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


def make_programs(options):
    if not options.make:
        return
    if not os.path.exists(os.path.join(options.build, "CMakeCache.txt")):
        subprocess.run(["cmake", "-S", ROOT, "-B", options.build, "-DCMAKE_BUILD_TYPE=Release"], check=True,
                       stdout=sys.stderr)
    subprocess.run(["cmake", "--build", options.build, "--parallel", str(os.cpu_count()), "--target", *TARGETS],
                   check=True, stdout=sys.stderr)


# ---- the command line ----


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
    add("--disk", metavar="DIR", help="on a disk: inputs, synced rows, spill files (default: the build folder)")
    add("--memory", metavar="DIR", help="in memory: all other rows (default: /dev/shm, if there is one)")
    add("--quiet", type=float, default=0, metavar="S", help="wait up to S seconds before each run for a quiet machine")
    add("--timeout", type=float, default=600, metavar="S", help="a run that takes longer has failed (default: 600)")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.disk = options.disk or options.build
    options.memory = options.memory or ("/dev/shm" if os.path.isdir("/dev/shm") else options.disk)
    return options


def chosen_rows(only):
    if not only:
        return ROWS
    wanted = only.split(",")
    unknown = set(wanted) - {row.name for row in ROWS}
    if unknown:
        sys.exit(f"no such row: {', '.join(sorted(unknown))}. There are: {', '.join(row.name for row in ROWS)}")
    return [row for row in ROWS if row.name in wanted]


def main():
    options = parse_options()
    rows = chosen_rows(options.only)
    if options.list:
        for row in rows:
            print(f"{row.name:16} {row.what}")
        return 0
    make_programs(options)
    print(f"{len(rows)} rows, {options.runs} runs each", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="landfall-bench-", dir=options.disk) as disk, \
            tempfile.TemporaryDirectory(prefix="landfall-bench-", dir=options.memory) as memory:
        lines, all_ran = run_rows(Bench(options, disk, memory), rows)

    title = f"{options.records:,} records, {options.runs} runs: median (fastest..slowest)"
    machine = f"{processor_name()}, {os.cpu_count()} processors, {platform.system()} {platform.release()}"
    print(f"{title}\n{machine}\n{build_text(options.build)}\n")
    print(report.table(lines))
    print("ratio: landfall / compared with; of times, where the row names nothing else. fastest: that of the fastest\n"
          "runs. MiB: most memory of landfall's process. others: processors that were busy with something else, at\n"
          "most. What the rows are: --list.")
    if options.svg:
        save(options.svg, report.chart(lines, "landfall against hand-written loops", f"{title}. {machine}"))
    if options.markdown:
        save(options.markdown, report.markdown(lines, f"{title}. {machine}."))
    return exit_code(lines, all_ran, options.strict)


def save(path, text):
    with open(path, "w") as file:
        file.write(text)


def exit_code(lines, all_ran, strict):
    missed = any(line.verdict == "missed" for line in lines)
    return 1 if not all_ran or (strict and missed) else 0


if __name__ == "__main__":
    sys.exit(main())
