#!/usr/bin/env python3
"""How much memory landfall's connectors take for inputs of every shape.

    python3 tests/benchmarks/memory.py                              all rows: some minutes
    python3 tests/benchmarks/memory.py --only texts,states-6mb      some rows; --list names them
    python3 tests/benchmarks/memory.py --program sqlite --small     one connector; LANDFALL_MEMORY_BYTES of 1 MiB

The most resident memory of each process, as the system counts it, what is allowed, and the ratio. Inputs are made while
they are read. PostgreSQL is a server of its own, started for this and removed again. Exit code 0 when all ran; 1 when
one failed, or, with --strict, when one took more than is allowed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True  # nothing is left in the source tree
import measure  # noqa: E402
from rows import ROOT  # noqa: E402
from shapes import SHAPES  # noqa: E402
from stores import Postgres, Sqlite  # noqa: E402

PROGRAMS = ["jsonl", "sqlite", "postgres"]


class Folder:
    """Where destination-jsonl writes."""

    def __init__(self, disk):
        self.path = os.path.join(disk, "rows")

    def require(self):
        pass

    def close(self):
        pass

    def begin(self):
        self.end()

    def end(self):
        shutil.rmtree(self.path, ignore_errors=True)

    def configuration(self):
        return {"destination_path": self.path}


class Bench:
    def __init__(self, options, disk):
        self.options = options
        self.disk = disk
        os.chmod(disk, 0o711)  # the server's user gets to its folder
        server = options.server or os.path.join(disk, "postgres")
        self.stores = {"jsonl": Folder(disk), "sqlite": Sqlite(disk),
                       "postgres": Postgres(server, not options.server, f"landfall_memory_{os.getpid()}")}

    def close(self):
        for store in self.stores.values():
            store.close()

    def path(self, name):
        return os.path.join(self.disk, name)

    def program(self, program):
        return os.path.join(self.options.build, "bin", f"destination-{program}")

    def run(self, shape, program):
        """MiB, and what is allowed. Raises measure.Failed."""
        store = self.stores[program]
        store.require()
        store.begin()
        with open(self.path("catalog.json"), "wb") as file:
            file.writelines(shape.catalog(program))
        with open(self.path("config.json"), "w") as file:
            json.dump(store.configuration(), file)
        try:
            self.load(shape, program)
        finally:
            store.end()
        with open(self.path("peak")) as file:
            return int(file.read()) / 1024, shape.allowed_mib(program, os.path.getsize(self.path("catalog.json")))

    def load(self, shape, program):
        command = [os.path.join(self.options.build, "bin", "landfall-peak"), self.path("peak"), self.program(program),
                   "write", "--config", self.path("config.json"), "--catalog", self.path("catalog.json")]
        environment = dict(os.environ)
        if self.options.small:
            environment["LANDFALL_MEMORY_BYTES"] = str(1 << 20)
        with open(self.path("said"), "wb") as said:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said, env=environment)
            timer = threading.Timer(self.options.timeout, process.kill)
            timer.start()
            try:
                for piece in shape.messages():
                    process.stdin.write(piece)
                process.stdin.close()
            except BrokenPipeError:
                pass  # it ended early, which its exit code tells
            code = process.wait()
            timer.cancel()
        if code != 0:
            with open(self.path("said"), "rb") as said:
                raise measure.Failed(f"ended with {code}:\n" + said.read()[-1500:].decode(errors="replace"))


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="where the programs are built")
    parser.add_argument("--only", metavar="ROW[,ROW]")
    parser.add_argument("--program", metavar="NAME[,NAME]", help="jsonl, sqlite, postgres")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--small", action="store_true", help="with a budget of 1 MiB")
    parser.add_argument("--strict", action="store_true", help="fail where more was taken than is allowed")
    parser.add_argument("--timeout", type=float, default=900, help="seconds of one run")
    parser.add_argument("--server", metavar="FOLDER", help="a PostgreSQL server that tests/postgres/server.sh started")
    options = parser.parse_args(arguments)
    known = {shape.name: shape for shape in SHAPES}
    names = options.only.split(",") if options.only else list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error("no such row: " + ", ".join(unknown))
    options.shapes = [known[name] for name in names]
    options.programs = options.program.split(",") if options.program else PROGRAMS
    return options


def run_all(bench, options):
    """Prints each row as soon as it is there; whether all ran, and whether all kept to what is allowed."""
    all_ran = all_kept = True
    for shape in options.shapes:
        for program in options.programs:
            if not os.path.exists(bench.program(program)):
                print(f"{shape.name:18} {program:8} skipped: it is not built")
                continue
            try:
                mib, allowed = bench.run(shape, program)
            except measure.Failed as failure:
                print(f"{shape.name} {program}: {failure}", file=sys.stderr)
                all_ran = False
                continue
            kept = mib <= allowed
            all_kept = all_kept and kept
            print(f"{shape.name:18} {program:8} {mib:7.1f} MiB  allowed {allowed:6.1f}  ratio {mib / allowed:.2f}"
                  f"  {'met' if kept else 'MISSED'}", flush=True)
    return all_ran, all_kept


def main(arguments):
    options = parse(arguments)
    if options.list:
        for shape in options.shapes:
            print(f"{shape.name:18} {shape.about}")
        return 0
    with tempfile.TemporaryDirectory(prefix="landfall-memory-") as disk:
        bench = Bench(options, disk)
        try:
            all_ran, all_kept = run_all(bench, options)
        finally:
            bench.close()
    return 0 if all_ran and (all_kept or not options.strict) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
