#!/usr/bin/env python3
"""Tests of landfall-acceptance: a destination that is right passes, and each way of being wrong is noticed.

    python3 tests/acceptance/runner_test.py build/bin/landfall-acceptance
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

RUNNER = "build/bin/landfall-acceptance"
FAKES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fakes")
DESTINATION = shlex.join([sys.executable, os.path.join(FAKES, "destination.py")])

# What is wrong with the destination, a case that must fail, and what the report must say of it.
DEFECTS = [
    ("loses a row", "append_same_record_twice", "a row is missing: .*1 there"),
    ("doubles a row", "append_two_syncs", "a row too many: .*2 there"),
    ("integers become texts", "append_one_record", 'id: expected 1, got "1"'),
    ("drops nulls", "append_null_and_missing", "name: expected null, got nothing"),
    ("one raw_id", "append_same_record_twice", "two rows have the _airbyte_raw_id 00000000"),
    ("wrong moment", "append_moments", "_airbyte_extracted_at: expected .*, got "),
    ("loses changes", "append_changes", '_airbyte_meta: expected .*TRUNCATED.*got .*"changes":\\[\\]'),
    ("early STATE", "checkpoint_survives_a_kill", "a row is missing"),
    ("loses a STATE", "checkpoint_then_more", "it hangs: after 2 s it answers nothing more; 1 of 3 STATEs"),
    ("loses a STATE", "append_50_states", "STATE 50 did not come back"),
    ("repeats a STATE", "append_one_record", "a STATE came back twice"),
    ("STATEs backwards", "append_50_states", "came back before an earlier one of its scope"),
    ("acknowledges what never came", "append_one_record", "is none of those that were sent"),
    ("floats in STATEs", "state_content_is_echoed", "is none of those that were sent"),
    ("loses the id", "append_one_record", "is none of those that were sent"),
    ("wrong count", "append_one_record", "a STATE counts 2 records, but 1 were sent"),
    ("no count", "append_one_record", "a STATE has no destinationStats"),
    ("old rows go early", "truncate_without_complete", "a row is missing"),
    ("any status is COMPLETE", "truncate_with_incomplete", "a row is missing"),
    ("forgets a generation", "truncate_killed_with_prior_data", "a row is missing"),
    ("skips broken lines", "bad_line_cut_off", "exit code: expected any but 0, got 0"),
    ("exit code 0", "bad_first_line", "exit code: expected any but 0, got 0"),
    ("exit code 0", "missing_status_fails", "exit code 0, but a TRACE of type ERROR"),
    ("fails without a word", "bad_first_line", "failed without a TRACE"),
    ("wrong failure_type", "bad_catalog_stream_twice", "failure_type: expected config_error, got transient_error"),
    ("shows the data", "bad_line_cut_off", '"geheim" is on stdout'),
    ("prints rubbish", "append_one_record", "a line that the platform would drop .*Starting!"),
    ("prints another message", "append_one_record", 'type "SURPRISE": not a message'),
    ("torn last line", "append_one_record", "the last line of stdout has no end"),
    ("crashes at the end", "append_one_record", "exit code: expected 0, got 134 \\(signal 6\\)"),
    ("hangs at the end", "append_one_record", "it hangs: after 2 s it does not end; 1 of 1 STATEs"),
    ("reads nothing", "append_large_record", "it hangs: after 2 s it reads nothing more"),
    ("ignores signals", "stopped_by_sigterm", "it hangs: after 2 s it does not end"),
]


class Run:
    """One start of the runner."""

    def __init__(self, *arguments, defect=None, command=None, reader=None, config=None, features="features.json"):
        if command is None:
            command = DESTINATION + (" --defect " + shlex.quote(defect) if defect else "")
        self.arguments = [RUNNER, "--command", command, "--config", config or os.path.join(FAKES, "config.json")]
        self.arguments += ["--reader", reader or DESTINATION + " read"]
        self.arguments += ["--features", os.path.join(FAKES, features), *arguments]
        done = subprocess.run(self.arguments, capture_output=True, text=True, timeout=300)
        self.code, self.text, self.errors = done.returncode, done.stdout, done.stderr


class TheRunner(unittest.TestCase):
    def assert_result(self, run, code, summary):
        self.assertEqual(run.code, code, run.text + run.errors)
        self.assertEqual(run.text.splitlines()[-1], summary, run.text)

    def test_a_destination_that_is_right_passes(self):
        for cases in ("dedup_*", "truncate_*"):
            run = Run("--only", cases, "--jobs", "4")
            self.assertEqual(run.code, 0, run.text)
            self.assertRegex(run.text.splitlines()[-1], r"^(1[5-9]|[2-9]\d) passed, 0 failed, ")

    def test_a_destination_with_typed_columns_passes(self):
        for cases in ("types_*", "append_*"):
            run = Run("--only", cases, "--jobs", "4", command=DESTINATION + " --typed", features="typed_features.json")
            self.assertEqual(run.code, 0, run.text)
            self.assertRegex(run.text.splitlines()[-1], r"^(1[5-9]|[2-9]\d) passed, 0 failed, ")

    def test_every_defect_is_noticed(self):
        for defect, case, words in DEFECTS:
            with self.subTest(defect=defect, case=case):
                run = Run("--only", case, "--timeout", "2" if "hangs" in words else "20", defect=defect)
                self.assert_result(run, 1, "0 passed, 1 failed, 0 skipped")
                self.assertRegex(run.text.replace("\n", " "), words)

    def test_what_hangs_is_killed_with_all_that_it_has_started(self):
        with tempfile.TemporaryDirectory() as folder:
            note = os.path.join(folder, "pid")
            command = f"sh -c {shlex.quote(f'sleep 600 & echo $! > {note}; wait')} sh"
            begin = time.monotonic()
            run = Run("--only", "append_one_record", "--timeout", "1", command=command)
            self.assertLess(time.monotonic() - begin, 30)
            self.assert_result(run, 1, "0 passed, 1 failed, 0 skipped")
            with open(note, encoding="utf-8") as file:
                self.assertFalse(is_running(int(file.read())))

    def test_a_destination_that_floods_stdout_and_stdin_together_is_no_deadlock(self):
        log = '{"type":"LOG","log":{"level":"INFO","message":"' + "x" * 2000 + '"}}'
        command = f"sh -c {shlex.quote(f'while read -r line; do echo {shlex.quote(log)}; done; exit 1')} sh"
        run = Run("--only", "append_400_records", "--timeout", "30", command=command)
        self.assertIn("exit code: expected 0, got 1", run.text)

    def test_a_destination_that_is_not_there_fails(self):
        self.assertIn("got 127", Run("--only", "append_one_record", command="/nowhere/destination").text)

    def test_a_reader_that_fails_is_no_empty_stream(self):
        run = Run("--only", "append_no_data", reader="false")
        self.assertIn("the rows cannot be read: the reader ended with 1", run.text)

    def test_cases_that_need_what_is_lacking_are_skipped_with_the_reason(self):
        run = Run("--only", "dedup_soft_delete")
        self.assert_result(run, 0, "0 passed, 0 failed, 1 skipped")
        self.assertIn("needs cdc_soft_delete", run.text)

    def test_each_case_is_prepared_and_cleaned_up_in_its_own_place(self):
        with tempfile.TemporaryDirectory() as folder:
            note = os.path.join(folder, "note")
            tell = f' "$CASE" "$SCRATCH" "$(cat "$LANDFALL_CONFIG")" >>{shlex.quote(note)} && true'
            arguments = ["--only", "append_[no]*", "--prepare", "echo before" + tell, "--clean", "echo behind" + tell]
            self.assertEqual(Run(*arguments, defect="loses a row").code, 1)
            with open(note, encoding="utf-8") as file:
                lines = file.read().splitlines()
            self.assertGreater(len(lines), 4)
            for before, behind in zip(lines[::2], lines[1::2]):
                self.assertRegex(before, r'^before acc\w+ (/\S+) \{"folder": "\1/rows"\}$')
                self.assertEqual(before.removeprefix("before"), behind.removeprefix("behind"))
            self.assertEqual(len(set(lines)), len(lines))

    def test_a_case_that_cannot_be_prepared_or_cleaned_up_fails_and_says_why(self):
        for option in ("--prepare", "--clean"):
            run = Run("--only", "append_one_record", option, "echo no room >&2; exit 3")
            self.assert_result(run, 1, "0 passed, 1 failed, 0 skipped")
            self.assertRegex(run.text, rf"{option} ended with 3\n\s*no room")
            run = Run("--only", "append_one_record", "--timeout", "2", option, "sleep 60")
            self.assertIn(f"{option} hangs: after 2 s it does not end", run.text)

    def test_what_is_kept_is_not_cleaned_up(self):
        run = Run("--only", "append_one_record", "--keep", "--clean", "exit 3")
        self.assertIn("1 passed, 0 failed, 0 skipped", run.text)
        subprocess.run(["rm", "-r", re.search(r"is in (\S+)", run.text).group(1)], check=True)

    def test_a_configuration_may_ask_for_what_is_in_the_environment(self):
        with tempfile.TemporaryDirectory() as folder:
            config = os.path.join(folder, "config.json")
            with open(config, "w", encoding="utf-8") as file:
                file.write('{"folder": "${SCRATCH}/${ENV:LANDFALL_TEST_NAME}"}')
            arguments = ["--only", "append_one_record", "--clean", 'ls "$SCRATCH" >&2; exit 1']
            os.environ["LANDFALL_TEST_NAME"] = 'say "\\n"'
            try:
                self.assertIn('say "\\n"', Run(*arguments, config=config).text)
            finally:
                del os.environ["LANDFALL_TEST_NAME"]
            run = Run(*arguments, config=config)
            self.assertEqual(run.code, 2)
            self.assertIn("the environment has no LANDFALL_TEST_NAME", run.errors)

    def test_the_report_for_machines_says_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "report.xml")
            Run("--only", "append_[no]*", "--junit", file, defect="loses a row")
            suite = xml.etree.ElementTree.parse(file).getroot()
            cases = {case.get("name"): case for case in suite}
            self.assertEqual(int(suite.get("tests")), len(cases))
            self.assertIsNone(cases["append_one_record"].find("failure"))
            self.assertIn("a row is missing", cases["append_null_and_missing"].find("failure").text)

    def test_what_cases_wrote_goes_unless_it_is_kept(self):
        kept = Run("--only", "append_one_record", "--keep").text
        folder = re.search(r"is in (\S+)", kept).group(1)
        self.assertTrue(os.path.exists(os.path.join(folder, "append_one_record", "sync-1", "config.json")))
        subprocess.run(["rm", "-r", folder], check=True)

    def test_what_makes_no_sense_is_told_with_exit_code_2(self):
        for arguments, words in [
            (["--only", "nothing_like_it"], "no case is called"),
            (["--cases", "/nowhere"], "/nowhere"),
            (["--surprise"], "surprise"),
        ]:
            run = Run(*arguments)
            self.assertEqual(run.code, 2)
            self.assertIn(words, run.errors)

    def test_a_case_with_a_word_that_nobody_knows_is_refused(self):
        for case, words in [
            ({"description": "x", "syncs": [{"rowz": []}]}, 'unknown member "rowz"'),
            ({"description": "x", "needs": ["magic"], "syncs": []}, '"magic" is no feature'),
            ({"syncs": []}, "no description"),
        ]:
            with tempfile.TemporaryDirectory() as folder:
                os.mkdir(os.path.join(folder, "one"))
                features = {"typed_columns": "", "cdc_soft_delete": "", "isolates_deep_records": ""}
                for name, content in [("features.json", features), ("one/case.json", case)]:
                    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                        json.dump(content, file)
                run = Run("--cases", folder)
                self.assertEqual(run.code, 2)
                self.assertIn(words, run.errors)


def is_running(pid):
    """Not: still to be waited for by somebody else."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    if len(sys.argv) > 1:
        RUNNER = sys.argv.pop(1)
    unittest.main()
