#!/usr/bin/env python3
"""How fast landfall loads tables: the same work by its connectors and by hand, in turns, on this machine.

    python3 tests/benchmarks/tables.py                           the whole table: about 20 minutes, 8 GB of disk
    python3 tests/benchmarks/tables.py --only postgres-raw       some rows; --list names them
    python3 tests/benchmarks/tables.py --records 100000 --runs 3 smaller

Builds what is missing. PostgreSQL is a server of its own with fsync on and default settings otherwise, started for this
and removed again; rows whose store or program is not there are skipped. Each run begins without tables, or with the
same ones, and after a checkpoint, and is checked: every STATE was answered, and the tables hold as many rows as they
should. Times are those of whole processes, from start to exit; ratios are of medians. Exit code 0 when every row ran; 1
when one failed, or, with --strict, when a target was missed.
"""

import dataclasses
import json
import os
import sys
from typing import Optional

sys.dont_write_bytecode = True  # nothing is left in the source tree
import measure  # noqa: E402
from rows import LINE_BYTES, Bench, Row, Unsupported, main, require_room, time_within  # noqa: E402
from stores import Postgres, Sqlite  # noqa: E402

# ---- inputs: options of landfall-generate, for so many records of the table ----

TIMES = (1, 10, 100)  # how many records a table holds already, in batches


def batch_of(records):
    """What comes to tables that hold rows already."""
    return max(1, records // 50)


def changes(times):
    """Half of a batch is new, half has keys of rows that are there."""
    return lambda records: {"records": batch_of(records), "streams": 1, "updates": 50, "known":
                            times * batch_of(records), "sync-mode": "append_dedup"}


def known(times):
    return lambda records: {"records": times * batch_of(records), "streams": 1, "sync-mode": "append_dedup"}


INPUTS = {
    "records": lambda records: {"records": records, "rows": True},
    "updates": lambda records: {"records": records, "updates": 50, "sync-mode": "append_dedup"},
    **{f"changes-{times}": changes(times) for times in TIMES},
    **{f"known-{times}": known(times) for times in TIMES},
}

# ---- rows ----


@dataclasses.dataclass(frozen=True)
class Side:
    """How one side of a row is run."""
    store: str  # postgres or sqlite
    program: str = "destination"  # psql, or a mode of landfall-table-limits
    input: str = "records"
    is_raw: bool = False  # of the destination
    known: Optional[str] = None  # an input that the same program has loaded before
    more: tuple = ()  # options of landfall-table-limits

    @property
    def is_ours(self):
        return self.program == "destination"


MOST_MEMORY_MIB = 96
FASTER_BY_A_TENTH = 0.91


def dedup_row(store, times):
    return Row(f"{store}-dedup-{times}x",
               f"a batch, half of it updates, into a table {times} times as large; against one as large as the batch",
               Side(store, input=f"changes-{times}", known=f"known-{times}"),
               Side(store, input="changes-1", known="known-1"), (time_within(1.3),))


def dedup_loop_row(store, times):
    return Row(f"{store}-dedup-{times}x-loop", "the same; the loop: with a table as large",
               Side(store, input=f"changes-{times}", known=f"known-{times}"),
               Side(store, f"{store}-dedup", input=f"changes-{times}", known=f"known-{times}"), (time_within(1.25),))


ROWS = [
    Row("postgres-raw", "append, the whole record as jsonb; psql: \\copy of the same rows, made before",
        Side("postgres", is_raw=True), Side("postgres", "psql"), (time_within(FASTER_BY_A_TENTH),)),
    Row("postgres-raw-loop", "the same; the loop: COPY by two connections",
        Side("postgres", is_raw=True), Side("postgres", "postgres-raw"), (time_within(1.25),)),
    Row("postgres-columns", "append, a column for each member; the loop: COPY by two connections",
        Side("postgres"), Side("postgres", "postgres-columns"), (time_within(1.25),)),
    Row("postgres-dedup", "append_dedup, half of the records are updates; the loop: COPY to temporary tables by two "
        "connections, then INSERT ... ON CONFLICT",
        Side("postgres", input="updates"), Side("postgres", "postgres-dedup", input="updates"), (time_within(1.25),)),
    dedup_row("postgres", 10),
    dedup_row("postgres", 100),
    dedup_loop_row("postgres", 100),
    Row("sqlite-raw", "append, the whole record as text; the loop: one prepared INSERT, a write-ahead log",
        Side("sqlite", is_raw=True), Side("sqlite", "sqlite-raw"), (time_within(1.25),)),
    Row("sqlite-raw-journal", "the same; the loop: with a rollback journal, which a new file does not need",
        Side("sqlite", is_raw=True), Side("sqlite", "sqlite-raw", more=("--journal", "delete")),
        (time_within(1.25),)),
    dedup_row("sqlite", 10),
    dedup_row("sqlite", 100),
    dedup_loop_row("sqlite", 100),
]


class TableBench(Bench):
    """landfall's connectors for tables, and programs that do the same."""

    INPUTS = INPUTS
    TARGETS = ["landfall-generate", "landfall-table-limits", "destination-postgres", "destination-sqlite"]
    MOST_MEMORY_MIB = MOST_MEMORY_MIB

    def __init__(self, options, disk, memory):
        super().__init__(options, disk, memory)
        os.chmod(disk, 0o711)  # the server's user gets to its folder
        server = options.server or os.path.join(disk, "postgres")
        self.stores = {"postgres": Postgres(server, is_ours=not options.server), "sqlite": Sqlite(disk)}

    def __exit__(self, *_):
        for store in self.stores.values():
            store.close()

    def machine(self):
        return "".join(store.about() for store in self.stores.values())

    def require_support(self, side):
        program = f"destination-{side.store}" if side.is_ours else "landfall-table-limits"
        if side.program != "psql" and not os.path.exists(self.program(program)):
            raise Unsupported(f"skipped: there is no {program} in this build")
        self.stores[side.store].require()

    def run(self, side):
        source = self.input(side.input)
        store = self.stores[side.store]
        if side.known:
            self.make_known(side)
        require_room(self.disk, 3 * (source.bytes + source.keys * LINE_BYTES))  # and logs
        store.begin(self.kept(side))
        try:
            run = self.measure(side, source, store)
            self.check_rows(side, source, store)
        finally:
            store.end()
        if side.is_ours:
            self.ours.append(run)
        return run

    def measure(self, side, source, store):
        self.wait_until_quiet()
        stdin = self.psql_script(source) if side.program == "psql" else source.path
        run = measure.measure(self.command(side, source, store), stdin, "file", os.path.join(self.memory, "stdout"),
                              self.options.timeout, store.worked_seconds)
        if side.is_ours and run.states != source.states:
            raise measure.Failed(f"destination-{side.store} answered {run.states} of {source.states} STATEs")
        return run

    def check_rows(self, side, source, store):
        wanted = source.keys if "sync-mode" in self.INPUTS[side.input](1) else source.records
        rows = store.count(streams_of(source))
        if rows != wanted:
            raise measure.Failed(f"{side.program} has left {rows} rows in {side.store}, not {wanted}")

    def command(self, side, source, store):
        if side.is_ours:
            configuration = {**store.configuration(), "raw_data_only": side.is_raw}
            return [self.program(f"destination-{side.store}"), "write", "--config",
                    self.write_json("config.json", configuration), "--catalog", source.catalog]
        if side.program == "psql":
            return store.psql()
        return [self.program("landfall-table-limits"), side.program, *store.limit_options(), "--catalog",
                source.catalog, *side.more]

    def psql_script(self, source):
        """Tables as destination-postgres makes them for raw records, and their rows."""
        path = os.path.join(self.memory, "copy.sql")
        with open(path, "w") as script:
            for stream in streams_of(source):
                script.write(f'CREATE TABLE "{stream}" (_airbyte_raw_id varchar NOT NULL, _airbyte_extracted_at '
                             f"timestamptz NOT NULL, _airbyte_meta jsonb NOT NULL, _airbyte_generation_id bigint, "
                             f"_airbyte_data jsonb NOT NULL);\n"
                             f"\\copy \"{stream}\" FROM '{os.path.join(source.rows, stream)}.copy'\n")
        return path

    # ---- tables that hold rows already ----

    def kept(self, side):
        return side.known and f"kept-{side.known}-{side.program}"

    def make_known(self, side):
        """Loaded once, by the same program; each run begins with a copy."""
        store = self.stores[side.store]
        if store.has(self.kept(side)):
            return
        before = dataclasses.replace(side, input=side.known, known=None)
        source = self.input(before.input)
        require_room(self.disk, 4 * source.bytes)
        store.begin()
        self.measure(before, source, store)
        self.check_rows(before, source, store)
        store.keep(self.kept(side))
        self.forget_input(before.input)


def streams_of(source):
    with open(source.catalog) as catalog:
        return [stream["stream"]["name"] for stream in json.load(catalog)["streams"]]


def more_options(add):
    add("--server", metavar="FOLDER", help="a PostgreSQL server that tests/postgres/server.sh has started there")


if __name__ == "__main__":
    sys.exit(main(__doc__, TableBench, ROWS, "landfall's tables against tables loaded by hand", more_options))
