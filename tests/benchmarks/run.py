#!/usr/bin/env python3
"""How fast landfall is: the same work by landfall and by a hand-written loop, in turns, on this machine.

    python3 tests/benchmarks/run.py                              the whole table: 10 to 20 minutes, 7 GB of disk, 5 of memory
    python3 tests/benchmarks/run.py --only data-file,route       some rows; --list names them
    python3 tests/benchmarks/run.py --records 100000 --runs 3    smaller

Builds what is missing. Times are those of whole processes, from start to exit; ratios are of medians. Each run is
checked: every STATE was answered, and as many bytes were written as by the loop it is compared with. Exit code 0 when
every row ran; 1 when one failed, or, with --strict, when a target was missed.
"""

import dataclasses
import os
import shutil
import subprocess
import sys
from typing import Optional

sys.dont_write_bytecode = True  # nothing is left in the source tree
import measure  # noqa: E402
from rows import LINE_BYTES, Bench, Judgement, Row, Unsupported, main, require_room, time_within  # noqa: E402

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


class ProgramBench(Bench):
    """landfall's programs, and loops that do the same."""

    INPUTS = INPUTS
    TARGETS = ["landfall-generate", "landfall-limits", "landfall-bench-destination", "destination-jsonl"]
    MOST_MEMORY_MIB = MOST_MEMORY_MIB

    def __init__(self, options, disk, memory):
        super().__init__(options, disk, memory)
        self.timed_inputs = {}

    def timed_input(self, name):
        if name not in self.timed_inputs:
            self.timed_inputs[name] = measure.TimedInput(self.input(name).path)
        return self.timed_inputs[name]

    def forget_input(self, name):
        self.timed_inputs.pop(name, None)
        super().forget_input(name)

    def run(self, side):
        source = self.input(side.input)
        store = os.path.join(self.disk if side.store == "disk" else self.memory, "rows")
        if side.writes_rows:
            require_room(os.path.dirname(store), source.bytes)
        command = self.limit_command(side, store) if not side.is_ours else self.command(side, store, source)
        feed = self.timed_input(side.input) if side.feed == "timed" else side.feed
        self.wait_until_quiet()
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
        if side.spill is None:
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

    def check_output(self, row, ours, others):
        """Both sides have written as many bytes."""
        if row.other is None or row.other.is_ours or not row.ours.writes_rows:
            return
        for run in ours:
            if run.written != others[0].written:
                raise measure.Failed(f"{run.written} bytes of rows were written, not {others[0].written}")


def folder_bytes(folder):
    """Of all files of rows; not of what a connector keeps beside them in hidden ones."""
    total = 0
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        total += sum(os.path.getsize(os.path.join(path, name)) for name in files if not name.startswith("."))
    return total


if __name__ == "__main__":
    sys.exit(main(__doc__, ProgramBench, ROWS, "landfall against hand-written loops"))
