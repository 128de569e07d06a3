#!/usr/bin/env python3
"""Tests of landfall-generate, landfall-peak, landfall-limits and landfall-table-limits.

    python3 tests/benchmarks/programs_test.py build/bin

LANDFALL_TEST_POSTGRES: a folder in which tests/postgres/server.sh has started a server; without it, that is not tested.
"""

import collections
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import stores  # noqa: E402

PROGRAMS = "build/bin"
RECORD = '{"type":"RECORD"'


def generate(**options):
    """The lines of an input."""
    command = [os.path.join(PROGRAMS, "landfall-generate")]
    for name, value in {"records": 2000, **options}.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode().splitlines()


def records_of(lines):
    return [line for line in lines if line.startswith(RECORD)]


class Peak(unittest.TestCase):
    def run_below(self, *command):
        """KiB that the program had, and how it ended."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "peak")
            code = subprocess.run([os.path.join(PROGRAMS, "landfall-peak"), path, *command]).returncode
            with open(path, encoding="utf-8") as file:
                return int(file.read()), code

    def test_what_the_one_has_who_started_it_does_not_count(self):
        ours = bytearray(64 << 20)
        self.assertLess(self.run_below("/bin/true")[0], 16 << 10)
        self.assertEqual(ours[-1], 0)

    def test_what_the_program_has_counts_and_it_ends_as_the_program_does(self):
        taken, code = self.run_below(sys.executable, "-c", "import sys; bytearray(b'x') * (40 << 20); sys.exit(3)")
        self.assertGreater(taken, 40 << 10)
        self.assertEqual(code, 3)


class Generate(unittest.TestCase):
    def test_the_same_options_make_the_same_input(self):
        self.assertEqual(generate(), generate())
        self.assertNotEqual(generate(), generate(seed=2))

    def test_a_shorter_input_begins_like_a_longer_one(self):
        self.assertEqual(records_of(generate(records=100)), records_of(generate())[:100])

    def test_every_record_is_there_and_numbered_within_its_stream(self):
        seen = collections.Counter()
        for line in records_of(generate()):
            record = json.loads(line)["record"]
            seen[record["stream"]] += 1
            self.assertEqual(record["data"]["id"], seen[record["stream"]])
        self.assertEqual(sum(seen.values()), 2000)
        self.assertEqual(len(seen), 4)

    def test_updates_have_the_id_of_an_earlier_record_and_a_later_time(self):
        seen = collections.defaultdict(dict)
        updates = 0
        for line in records_of(generate(updates=50)):
            record = json.loads(line)["record"]
            times = seen[record["stream"]]
            key, time = record["data"]["id"], record["data"]["updated_at"]
            updates += key in times
            self.assertLessEqual(key, len(times) + 1)
            self.assertGreater(time, times.get(key, ""))
            times[key] = time
        self.assertTrue(900 < updates < 1100, updates)

    def test_what_comes_after_known_records_goes_on_where_they_ended(self):
        data = [json.loads(line)["record"]["data"] for line in records_of(generate(streams=1))]
        later = [json.loads(line)["record"]["data"]
                 for line in records_of(generate(streams=1, known=2000, records=1000, updates=50))]
        ids = [record["id"] for record in later]
        self.assertTrue(400 < sum(key <= 2000 for key in ids) < 600)
        self.assertEqual(sorted({key for key in ids if key > 2000}), list(range(2001, max(ids) + 1)))
        self.assertGreater(min(record["updated_at"] for record in later), data[-1]["updated_at"])

    def test_keys_are_counted_with_those_known_before(self):
        for options in ({}, {"updates": 50}, {"updates": 50, "known": 1000, "streams": 1}):
            with self.subTest(options), tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "input")
                said = json.loads("".join(generate(output=path, **options)))
                with open(path, encoding="utf-8") as file:
                    keys = {(record["stream"], record["data"]["id"])
                            for record in (json.loads(line)["record"] for line in records_of(file))}
                new = sum(key > options.get("known", 0) for _, key in keys)
                self.assertEqual(said["keys"], options.get("known", 0) + new)
                self.assertEqual(said["records"], 2000)

    def test_rows_are_those_of_the_records(self):
        with tempfile.TemporaryDirectory() as folder:
            lines = generate(rows=folder)
            self.assertEqual(lines, generate())
            rows = collections.defaultdict(list)
            for name in os.listdir(folder):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    for row in file.read().splitlines():
                        raw_id, time, meta, generation, data = row.split("\t")
                        self.assertRegex(raw_id, "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
                        self.assertRegex(time, r"^2024-03-09T16:00:00\.\d{3}Z$")
                        self.assertEqual((json.loads(meta), generation), ({"sync_id": 1, "changes": []}, "1"))
                        rows[name].append(data.replace("\\\\", "\\"))
        for line in records_of(lines):
            data = line[line.index('"data":') + 7:line.rindex(',"emitted_at"')]
            self.assertEqual(rows[json.loads(line)["record"]["stream"] + ".copy"].pop(0), data)
        self.assertFalse(any(rows.values()))

    def test_states_count_the_records_of_their_stream_since_the_last_one(self):
        for options in ({"state_every": 100}, {"state_every": 10, "states": "one"}, {"state_every": 0}):
            with self.subTest(options):
                since = collections.Counter()
                states = 0
                for line in generate(**options):
                    message = json.loads(line)
                    if message["type"] == "RECORD":
                        since[message["record"]["stream"]] += 1
                    if message["type"] == "STATE":
                        states += 1
                        stream = message["state"]["stream"]["stream_descriptor"]["name"]
                        self.assertEqual(message["state"]["sourceStats"]["recordCount"], since.pop(stream))
                self.assertEqual(since, {})
                self.assertGreaterEqual(states, 4)

    def test_one_state_for_so_many_records(self):
        lines = generate(state_every=10, states="one", streams=1)
        self.assertEqual(sum(line.startswith('{"type":"STATE"') for line in lines), 200)

    def test_every_stream_is_started_and_completed(self):
        statuses = collections.Counter(json.loads(line)["trace"]["stream_status"]["status"]
                                       for line in generate(streams=7) if line.startswith('{"type":"TRACE"'))
        self.assertEqual(statuses, {"STARTED": 7, "COMPLETE": 7})

    def test_lines_are_about_as_long_as_wanted(self):
        rows = [(0, 528, {}), (100, 100, {}), (1000, 1000, {}), (10_000, 10_000, {"records": 100}),
                (5_000_000, 5_000_000, {"records": 3})]
        for wanted, expected, more in rows:
            with self.subTest(wanted):
                records = records_of(generate(record_bytes=wanted, **more))
                average = sum(len(line.encode()) + 1 for line in records) / len(records)
                self.assertLess(abs(average - expected), 0.05 * expected)

    def test_runs_are_not_longer_than_said(self):
        streams = [json.loads(line)["record"]["stream"] for line in records_of(generate(run=1, streams=400))]
        self.assertGreater(sum(a != b for a, b in zip(streams, streams[1:])), 0.99 * len(streams) - 1)

    def test_records_hold_what_sources_send(self):
        text = "".join(records_of(generate()))
        for part in ("null", "true", '"lines":[{', '"place":{', "\\n", "\\\"", "\\ud83d", "王", "н", "ح", "🌍"):
            self.assertIn(part, text)
        numbers = [json.loads(line)["record"]["data"].get("sequence", 0) for line in records_of(generate())]
        self.assertGreater(max(numbers), 2**62)
        self.assertLess(max(numbers), 2**63)

    def test_the_catalog_fits_the_records(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "catalog.json")
            lines = generate(catalog=path, namespace="shop", sync_mode="overwrite")
            with open(path) as file:
                streams = {stream["stream"]["name"]: stream for stream in json.load(file)["streams"]}
        for line in records_of(lines):
            record = json.loads(line)["record"]
            stream = streams[record["stream"]]
            self.assertEqual((record["namespace"], stream["stream"]["namespace"]), ("shop", "shop"))
            self.assertLessEqual(set(record["data"]), set(stream["stream"]["json_schema"]["properties"]))
            self.assertEqual(stream["destination_sync_mode"], "overwrite")

    def test_wrong_options_are_refused(self):
        for option in ("--streams=0", "--run=0", "--states=some", "--updates=101", "--recrods=1"):
            done = subprocess.run([os.path.join(PROGRAMS, "landfall-generate"), option], capture_output=True, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn("landfall-generate: ", done.stderr)


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lines = generate(records=20_000)  # some MB: more than the buffers of a stream
        cls.rows = collections.defaultdict(list)
        for line in records_of(cls.lines):
            data = line[line.index('"data":') + 7:line.rindex(',"emitted_at"')]
            cls.rows[json.loads(line)["record"]["stream"] + ".jsonl"].append(data)

    def run_limits(self, mode, *options, lines=None):
        """The rows by file."""
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out")
            text = "".join(line + "\n" for line in lines or self.lines)
            subprocess.run([os.path.join(PROGRAMS, "landfall-limits"), mode, "--out", out, "--spill", folder, *options],
                           input=text.encode(), check=True, capture_output=True)
            rows = {}
            for name in os.listdir(out):
                with open(os.path.join(out, name), encoding="utf-8") as file:
                    rows[name] = file.read().splitlines()
            return rows

    def test_raw_writes_every_record_as_it_came(self):
        for sync in ("none", "end"):
            self.assertEqual(self.run_limits("raw", "--sync", sync), self.rows)

    def test_spilled_records_come_back_as_they_were(self):
        for sync in ("none", "frames"):
            self.assertEqual(self.run_limits("spill", "--sync", sync), self.rows)

    def test_the_envelope_holds_the_record_and_the_columns_of_airbyte(self):
        ids = set()
        for name, rows in self.run_limits("envelope").items():
            self.assertEqual(len(rows), len(self.rows[name]))
            for row, data in zip(rows, self.rows[name]):
                self.assertTrue(row.endswith(f'"_airbyte_data":{data}}}'))
                columns = json.loads(row)
                self.assertRegex(columns["_airbyte_extracted_at"], r"^2024-03-09T16:00:0\d\.\d{3}Z$")
                ids.add(columns["_airbyte_raw_id"])
        self.assertEqual(len(ids), 20_000)

    def test_lines_longer_than_its_buffer_are_read_whole(self):
        lines = generate(records=5, record_bytes=5_000_000)
        rows = self.run_limits("raw", lines=lines)
        self.assertEqual(sum(len(row) for of_stream in rows.values() for row in of_stream),
                         sum(len(line[line.index('"data":') + 7:line.rindex(',"emitted_at"')]) for line in
                             records_of(lines)))

    def test_broken_input_is_an_error(self):
        done = subprocess.run([os.path.join(PROGRAMS, "landfall-limits"), "ondemand"], input=b"no JSON\n",
                              capture_output=True)
        self.assertEqual(done.returncode, 1)


class TableLimits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.catalog = os.path.join(cls.folder.name, "catalog.json")
        cls.program = os.path.join(PROGRAMS, "landfall-table-limits")
        if not os.path.exists(cls.program):
            raise unittest.SkipTest("there is no landfall-table-limits")

    def run_limits(self, mode, lines, *options):
        text = "".join(line + "\n" for line in lines)
        done = subprocess.run([self.program, mode, "--catalog", self.catalog, *options], input=text.encode(),
                              capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def data_of(self, lines):
        records = [json.loads(line)["record"] for line in records_of(lines)]
        return {stream: [record["data"] for record in records if record["stream"] == stream]
                for stream in {record["stream"] for record in records}}

    def postgres(self):
        folder = os.environ.get("LANDFALL_TEST_POSTGRES")
        if not folder:
            self.skipTest("there is no PostgreSQL server")
        store = stores.Postgres(folder, is_ours=False, database="landfall_limits_test")
        store.require()
        store.begin()
        self.addCleanup(store.end)
        return store

    def rows_of(self, store, columns, stream, key="id"):
        rows = f"json_agg(json_build_array({columns}) ORDER BY {key})"
        return json.loads(store.ask(f'SELECT coalesce({rows}, \'[]\') FROM "{stream}"'))

    def test_sqlite_gets_every_record_as_it_came(self):
        lines = generate(catalog=self.catalog)
        for journal in ("wal", "delete"):
            path = os.path.join(self.folder.name, journal)
            self.run_limits("sqlite-raw", lines, "--out", path, "--journal", journal)
            connection = sqlite3.connect(path)
            self.addCleanup(connection.close)
            for stream, data in self.data_of(lines).items():
                rows = connection.execute(f'SELECT _airbyte_data FROM "{stream}" ORDER BY rowid').fetchall()
                self.assertEqual([json.loads(row) for row, in rows], data)

    def test_sqlite_keeps_the_latest_record_of_each_id(self):
        lines = generate(catalog=self.catalog, updates=50, sync_mode="append_dedup")
        path = os.path.join(self.folder.name, "dedup")
        for _ in range(2):  # the second time there are rows already
            self.run_limits("sqlite-dedup", lines, "--out", path)
            connection = sqlite3.connect(path)
            self.addCleanup(connection.close)
            for stream, data in self.data_of(lines).items():
                latest = {record["id"]: (record["uuid"], record["notes"]) for record in data}
                rows = connection.execute(f'SELECT id, uuid, notes FROM "{stream}"').fetchall()
                self.assertEqual(len(rows), len(latest))
                self.assertEqual({key: (uuid, notes) for key, uuid, notes in rows}, latest)

    def test_postgres_gets_every_record_as_it_came(self):
        lines = generate(catalog=self.catalog)
        for connections in ("1", "2"):
            store = self.postgres()
            self.run_limits("postgres-raw", lines, *store.limit_options(), "--connections", connections)
            for stream, data in self.data_of(lines).items():
                rows = self.rows_of(store, "_airbyte_data", stream, "(_airbyte_data ->> 'id')::int")
                self.assertEqual([row for row, in rows], data)

    def test_postgres_gets_a_column_for_each_member(self):
        lines = generate(catalog=self.catalog)
        store = self.postgres()
        self.run_limits("postgres-columns", lines, *store.limit_options())
        columns = {"customers_0": "name email is_active nickname address notes", "orders_1": "customer_id coupon lines",
                   "events_2": "sequence ok error properties notes", "customers_3": "address"}
        for stream, data in self.data_of(lines).items():
            names = ["id", "uuid", *columns[stream].split()]
            wanted = [[record[name] for name in names] for record in data]
            self.assertEqual(self.rows_of(store, ", ".join(names), stream), wanted)
        self.assertEqual(store.ask("SELECT pg_typeof(updated_at), pg_typeof(born_on), pg_typeof(balance), "
                                   "pg_typeof(id) FROM customers_0 LIMIT 1"),
                         "timestamp with time zone|date|numeric|bigint")

    def test_postgres_keeps_the_latest_record_of_each_id(self):
        lines = generate(catalog=self.catalog, updates=50, sync_mode="append_dedup")
        store = self.postgres()
        for _ in range(2):  # the second time there are rows already
            self.run_limits("postgres-dedup", lines, *store.limit_options())
            for stream, data in self.data_of(lines).items():
                latest = {record["id"]: record["uuid"] for record in data}
                self.assertEqual(dict(self.rows_of(store, "id, uuid", stream)), latest)
                self.assertEqual(store.count([stream]), len(latest))

    def test_an_error_of_the_server_is_reported(self):
        store = self.postgres()
        store.ask("CREATE TABLE customers_0 (another int)")
        text = "".join(line + "\n" for line in generate(catalog=self.catalog))
        done = subprocess.run([self.program, "postgres-raw", *store.limit_options()], input=text.encode(),
                              capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"extra data after last expected column", done.stderr)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        PROGRAMS = sys.argv.pop(1)
    unittest.main()
