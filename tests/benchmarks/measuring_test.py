#!/usr/bin/env python3
"""Tests of run.py, tables.py and their parts: a program that does not do its work is never measured as a fast one.

LANDFALL_TEST_POSTGRES: a folder in which tests/postgres/server.sh has started a server; without it, that is not tested.
"""

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import xml.dom.minidom

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import measure  # noqa: E402
import report  # noqa: E402
import rows  # noqa: E402
import run  # noqa: E402
import stores  # noqa: E402
import tables  # noqa: E402

STATE = '{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"%s"}}}}\n'


class Folder(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="landfall-measuring-")
        self.addCleanup(self.folder.cleanup)

    def path(self, *names):
        return os.path.join(self.folder.name, *names)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)


class Measuring(Folder):
    def measure(self, script, text="", feed="file", timeout=60):
        source = self.write("input", text)
        feed = measure.TimedInput(source) if feed == "timed" else feed
        return measure.measure(["sh", "-c", script], source, feed, self.path("stdout"), timeout)

    def test_a_program_that_fails_is_reported_with_its_last_words(self):
        for feed in ("file", "pipe", "timed"):
            with self.subTest(feed), self.assertRaisesRegex(measure.Failed, "(?s)ended with 3.*no luck"):
                self.measure("echo no luck >&2; exit 3", "x\n", feed)

    def test_a_program_that_does_not_end_is_killed(self):
        with self.assertRaisesRegex(measure.Failed, "did not end within"):
            self.measure("while :; do :; done", timeout=0.2)

    def test_states_are_counted_and_other_lines_are_not(self):
        text = STATE % "a" + '{"type":"LOG"}\n' + STATE % "b" + 'x{"type":"STATE"\n'
        for feed in ("file", "pipe", "timed"):
            with self.subTest(feed):
                self.assertEqual(self.measure("cat", text, feed).states, 2)

    def test_cpu_is_that_of_the_program_and_not_of_who_feeds_it(self):
        self.assertLess(self.measure("exec sleep 0", "x" * 50_000_000, "pipe").cpu_seconds, 0.02)

    def test_a_program_need_not_read_all_that_it_is_fed(self):
        with unittest.mock.patch("threading.excepthook") as thrown_in_a_thread:
            self.assertEqual(self.measure("head -n 1", STATE % "a" * 100_000, "timed").states, 1)
        thrown_in_a_thread.assert_not_called()

    def test_the_places_of_states_in_an_input_are_known(self):
        text = "1\n" + STATE % "a" + "2\n" + STATE % "b"
        timed = measure.TimedInput(self.write("input", text))
        self.assertEqual([end for end, _ in timed.states], [text.index("2"), len(text)])
        self.assertEqual(timed.bytes, len(text))


class LongestWait(unittest.TestCase):
    def test_states_of_a_stream_are_answered_in_order(self):
        rows = [
            ("none", {}, [], 0.0),
            ("one", {"a": [1]}, [(3, "a")], 2),
            ("two of one stream", {"a": [1, 2]}, [(3, "a"), (7, "a")], 5),
            ("each stream has its own order", {"a": [1], "b": [2]}, [(3, "b"), (4, "a")], 3),
            ("one without an answer", {"a": [1, 2]}, [(3, "a")], 2),
        ]
        for name, written, answered, expected in rows:
            with self.subTest(name):
                self.assertEqual(measure.longest_wait(written, answered), expected)

    def test_an_answer_without_a_state_is_an_error(self):
        for written in ({}, {"a": [1]}):
            with self.subTest(written), self.assertRaises(measure.Failed):
                measure.longest_wait(written, [(2, "a"), (3, "a")])


GENERATE = """#!/bin/sh
printf '%s' '{"streams":[]}' > "$4"
printf 'record\\n%s' '""" + STATE % "a" + """' > "$2"
echo '{"records": 1, "states": 1, "keys": 1, "bytes": 100}'
"""
LIMITS = """#!/bin/sh
mkdir -p "$3"
cp /dev/stdin "$3/a.jsonl"
"""
# Finds destination_path in the configuration, appends the input to what is there, and answers its STATE.
GOOD = """#!/bin/sh
folder=$(sed 's/.*"destination_path": "\\([^"]*\\)".*/\\1/' "$3")
mkdir -p "$folder/.hidden"
cat >> "$folder/a.jsonl"
echo a note > "$folder/.hidden/note"
grep STATE "$folder/a.jsonl"
"""


class Table(Folder):
    """run.py with programs that pretend."""

    def run_py(self, destination, *options):
        for name, script in (("landfall-generate", GENERATE), ("landfall-limits", LIMITS),
                             ("destination-jsonl", destination), ("landfall-bench-destination", destination)):
            os.chmod(self.write(f"build/bin/{name}", script), stat.S_IRWXU)
        self.write("build/CMakeCache.txt", "CMAKE_BUILD_TYPE:STRING=Release\nCMAKE_CXX_FLAGS_RELEASE:STRING=-O2\n")
        os.makedirs(self.path("memory"), exist_ok=True)
        return subprocess.run(
            [sys.executable, "-B", os.path.join(HERE, "run.py"), "--no-make", "--build", self.path("build"), "--memory",
             self.path("memory"), "--records", "10", "--runs", "2", *options], capture_output=True, text=True)

    def expect_failure(self, destination, reason):
        done = self.run_py(destination, "--only", "data-file")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(reason, done.stderr)
        self.assertRegex(done.stdout, r"data-file .* failed\n")

    def test_a_good_run_makes_a_row_and_a_picture(self):
        done = self.run_py(GOOD, "--only", "data-file", "--svg", self.path("table.svg"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"data-file +0\.\d+ s \(.*\) +0\.\d+ s \(.*\) +\d+\.\d\d +<= 1\.25 ")
        self.assertIn("Release build (-O2)", done.stdout)
        xml.dom.minidom.parse(self.path("table.svg"))

    def test_nothing_is_left_behind(self):
        self.assertEqual(self.run_py(GOOD, "--only", "data-file").returncode, 0)
        self.assertEqual(os.listdir(self.path("memory")), [])
        self.assertEqual(sorted(os.listdir(self.path("build"))), ["CMakeCache.txt", "bin"])

    def test_a_lost_state_is_a_failure(self):
        self.expect_failure(GOOD.replace("grep STATE", "grep NOTHING") + "exit 0\n", "answered 0 of 1 STATEs")

    def test_a_lost_row_is_a_failure(self):
        self.expect_failure(GOOD + 'sed -i 1d "$folder/a.jsonl"\n', "bytes of rows were written, not")

    def test_a_failed_row_does_not_stop_the_others(self):
        done = self.run_py("#!/bin/sh\nexit 1\n", "--only", "data-file,data-pipe")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"(?s)data-file .* failed\n.*data-pipe .* failed\n")

    def test_rows_that_the_build_does_not_know_are_named(self):
        refusing = "#!/bin/sh\necho 'landfall.spill is no setting'; exit 1\n"
        done = self.run_py(refusing, "--only", "spill,stuck-memory")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("not supported by this build"), 2)

    def test_an_unknown_row_is_refused(self):
        done = self.run_py(GOOD, "--only", "data-fiel")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no such row: data-fiel", done.stderr)

    def test_a_folder_without_room_skips_the_row(self):
        with self.assertRaisesRegex(rows.Unsupported, "needs 1000000000.0 GB"):
            rows.require_room(self.path(), 10**18)


# Keys 1, 2, ...; half of those of an update are known before.
GENERATE_KEYS = """#!/usr/bin/env python3
import sys
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
records, known = int(options["--records"]), int(options.get("--known", 0))
first = known + 1 - (records // 2 if "--updates" in options else 0)
with open(options["--catalog"], "w") as catalog:
    catalog.write('{"streams": [{"stream": {"name": "a"}}]}')
with open(options["--output"], "w") as output:
    output.writelines(f"{key}\\n" for key in range(first, first + records))
    output.write('''""" + STATE % "a" + """''')
print('{"records": %d, "states": 1, "keys": %d, "bytes": 100}' % (records, first + records - 1))
"""
# Both connector and loop.
LOAD_KEYS = """#!/usr/bin/env python3
import json, sqlite3, sys
options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
path = options.get("--out") or json.load(open(options["--config"]))["destination_path"]
*keys, state = sys.stdin.read().splitlines()
connection = sqlite3.connect(path)
connection.execute("CREATE TABLE IF NOT EXISTS a (key PRIMARY KEY)")
connection.executemany("INSERT OR REPLACE INTO a VALUES (?)", [(int(key),) for key in keys])
connection.commit()
print(state)
"""


class Tables(Folder):
    """tables.py with programs that pretend."""

    def tables_py(self, destination, *options):
        for name, script in (("landfall-generate", GENERATE_KEYS), ("landfall-table-limits", LOAD_KEYS),
                             ("destination-sqlite", destination)):
            if script:
                os.chmod(self.write(f"build/bin/{name}", script), stat.S_IRWXU)
        self.write("build/CMakeCache.txt", "CMAKE_BUILD_TYPE:STRING=Release\nCMAKE_CXX_FLAGS_RELEASE:STRING=-O2\n")
        os.makedirs(self.path("memory"), exist_ok=True)
        return subprocess.run(
            [sys.executable, "-B", os.path.join(HERE, "tables.py"), "--no-make", "--build", self.path("build"),
             "--memory", self.path("memory"), "--records", "100", "--runs", "2", *options], capture_output=True,
            text=True)

    def expect_failure(self, destination, row, reason):
        done = self.tables_py(destination, "--only", row)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(reason, done.stderr)
        self.assertRegex(done.stdout, rf"{row} .* failed\n")

    def test_good_runs_make_rows_and_leave_nothing_behind(self):
        done = self.tables_py(LOAD_KEYS, "--only", "sqlite-raw,sqlite-dedup-10x,sqlite-dedup-100x")
        self.assertEqual(done.returncode, 0, done.stderr)
        for row in ("sqlite-raw", "sqlite-dedup-10x", "sqlite-dedup-100x"):
            self.assertRegex(done.stdout, rf"{row} +0\.\d+ s \(.*\) +0\.\d+ s \(.*\) +\d+\.\d\d +<= ")
        self.assertEqual(os.listdir(self.path("memory")), [])
        self.assertEqual(sorted(os.listdir(self.path("build"))), ["CMakeCache.txt", "bin"])

    def test_a_lost_state_is_a_failure(self):
        self.expect_failure(LOAD_KEYS.replace("print(state)", ""), "sqlite-raw", "answered 0 of 1 STATEs")

    def test_a_lost_row_is_a_failure(self):
        for row in ("sqlite-raw", "sqlite-dedup-10x"):
            self.expect_failure(LOAD_KEYS.replace("in keys]", "in keys[1:]]"), row, "rows in sqlite, not")

    def test_a_row_too_many_is_a_failure(self):
        several = LOAD_KEYS.replace(" (key PRIMARY KEY)", " (key)")
        self.expect_failure(several, "sqlite-dedup-10x", "destination has left 4 rows in sqlite, not 3")

    def test_no_table_at_all_is_a_failure(self):
        self.expect_failure("#!/bin/sh\ngrep STATE\n", "sqlite-raw", "no such table")

    def test_a_row_without_its_program_is_skipped(self):
        done = self.tables_py("", "--only", "sqlite-raw")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("skipped: there is no destination-sqlite in this build", done.stdout)

    def test_a_row_without_its_server_is_skipped(self):
        with unittest.mock.patch("stores.SERVER", self.write("server.sh", "echo none here >&2; exit 1")):
            with self.assertRaisesRegex(rows.Unsupported, "no PostgreSQL server: none here"):
                stores.Postgres(self.path("server"), is_ours=True).require()


class Stores(Folder):
    """The same of each store."""

    def sqlite(self):
        store = stores.Sqlite(self.path())

        def execute(sql):
            with sqlite3.connect(store.path) as connection:
                connection.executescript(sql)
            connection.close()
        return store, execute

    def postgres(self):
        folder = os.environ.get("LANDFALL_TEST_POSTGRES")
        if not folder:
            self.skipTest("there is no PostgreSQL server")
        store = stores.Postgres(folder, is_ours=False, database="landfall_stores_test")
        return store, store.ask

    def test_a_run_begins_without_tables_or_with_those_that_were_kept(self):
        for make in (self.sqlite, self.postgres):
            with self.subTest(make.__name__):
                store, execute = make()
                store.require()
                store.begin()
                execute("CREATE TABLE a (key int); INSERT INTO a VALUES (1), (2);")
                execute("CREATE TABLE b (key int); INSERT INTO b VALUES (1);")
                self.assertEqual(store.count(["a", "b"]), 3)
                self.assertFalse(store.has("kept-test"))
                store.keep("kept-test")
                self.addCleanup(store.drop, "kept-test")
                self.assertTrue(store.has("kept-test"))
                for _ in range(2):
                    store.begin("kept-test")
                    execute("INSERT INTO a VALUES (3)")
                    self.assertEqual(store.count(["a"]), 3)
                store.begin()
                execute("CREATE TABLE a (key int)")
                self.assertEqual(store.count(["a"]), 0)
                store.end()

    def test_rows_of_a_table_that_is_not_there_cannot_be_counted(self):
        for make in (self.sqlite, self.postgres):
            with self.subTest(make.__name__):
                store, _ = make()
                store.require()
                store.begin()
                with self.assertRaises(measure.Failed):
                    store.count(["a"])
                store.end()

    def test_the_work_of_a_server_is_known_also_when_a_connection_has_ended(self):
        store, ask = self.postgres()
        store.require()
        store.begin()
        helpers = len(store.processes()[1])
        before = store.worked_seconds()
        ask("SELECT sum(n) FROM generate_series(1, 3000000) AS n")
        while len(store.processes()[1]) > helpers:
            pass
        self.assertGreater(store.worked_seconds(), before + 0.05)
        store.end()


def line(name, ours, limit, target=1.25, compared=True):
    made = report.Line(name, "s", target, compared)
    made.ours, made.limit = ours, limit
    return made


class Report(unittest.TestCase):
    def test_verdicts_are_about_medians(self):
        rows = [
            ("one slow run is no miss", line("a", [1, 1, 9], [1, 1, 1]), "met"),
            ("just within", line("a", [5], [4]), "met"),
            ("too slow", line("a", [2, 1.4, 1.4], [1, 1, 1]), "missed"),
            ("a value within", line("a", [0.9, 1.0, 5.0], [], 1, False), "met"),
            ("a value beyond", line("a", [1.1], [], 1, False), "missed"),
        ]
        for name, made, expected in rows:
            with self.subTest(name):
                self.assertEqual(made.verdict, expected)

    def test_the_fastest_runs_are_compared_as_well(self):
        self.assertEqual(line("a", [3, 2, 9], [4, 1, 1]).fastest_ratio, 2)
        self.assertIsNone(line("a", [1], [], 1, False).fastest_ratio)

    def test_only_strict_makes_a_miss_a_failure(self):
        missed, met = line("a", [2], [1]), line("b", [1], [1])
        cases = [([missed], True, False, 0), ([missed, met], True, True, 1), ([met], True, True, 0),
                 ([met], False, False, 1)]
        for lines, all_ran, strict, expected in cases:
            self.assertEqual(rows.exit_code(lines, all_ran, strict), expected)

    def test_columns_are_aligned(self):
        text = report.table([line("a", [1], [1]), line("a-long-name", [10, 11, 12], [3, 3, 3])])
        heads, *rows = text.splitlines()
        for row in rows:
            self.assertEqual(row.index("<="), heads.index("target"))

    def test_a_readme_gets_one_row_for_each_line(self):
        heading, _, *rows = report.markdown([line("a", [2], [1]), line("b", [1], [1])], "heading").splitlines()
        self.assertEqual(heading, "heading")
        self.assertEqual(rows[2:], ["| a | 2.000 s | 1.000 s | 2.00 | <= 1.25 | missed |",
                                    "| b | 1.000 s | 1.000 s | 1.00 | <= 1.25 | met |"])

    def test_the_picture_has_a_bar_for_each_ratio(self):
        lines = [line("fast", [1], [1]), line("slow & bad", [90], [1]), line("absolute", [1], [], 1, False)]
        picture = xml.dom.minidom.parseString(report.chart(lines, "title", "subtitle"))
        bars = picture.getElementsByTagName("rect")
        self.assertEqual([bar.getAttribute("class") for bar in bars], ["met", "missed"])
        width = float(picture.documentElement.getAttribute("width"))
        for bar in bars:
            self.assertLess(float(bar.getAttribute("x")) + float(bar.getAttribute("width")), width)


class Rows(unittest.TestCase):
    def test_names_are_unique_and_inputs_exist(self):
        for script in (run, tables):
            names = [row.name for row in script.ROWS]
            self.assertEqual(len(names), len(set(names)))
            for side in (side for row in script.ROWS for side in row.sides):
                self.assertIn(side.input, script.INPUTS)
                self.assertIn(getattr(side, "known", None) or side.input, script.INPUTS)

    def test_both_sides_of_a_row_are_fed_in_the_same_way(self):
        for row in run.ROWS:
            if row.other is not None:
                self.assertEqual((row.ours.feed, row.ours.store), (row.other.feed, row.other.store), row.name)


if __name__ == "__main__":
    unittest.main()
