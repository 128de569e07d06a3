"""A destination that keeps its rows in one file for each stream; slow, small, and right, unless a defect is asked for.

usage: destination.py [--typed | --defect NAME] spec | check --config FILE | write --config FILE --catalog FILE
       destination.py read        prints the rows of a stream, as the reader of the acceptance suite

--typed: every field of the schema has a column of its type, and other fields have none.

The acceptance suite is tested with it: all that applies must pass, and each defect must be found.
"""

import datetime
import json
import os
import re
import signal
import sys
import time
import uuid
from decimal import Decimal

DEFECT = ""
TYPED = False


class Failure(Exception):
    def __init__(self, message, failure_type="system_error"):
        super().__init__(message)
        self.failure_type = failure_type


def has_defect(name):
    return DEFECT == name


# JSON in which numbers of any size survive.


def parse(text):
    return json.loads(text, parse_float=Decimal)


LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


def without_lone_surrogates(value):
    if isinstance(value, dict):
        return {without_lone_surrogates(key): without_lone_surrogates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_lone_surrogates(item) for item in value]
    return LONE_SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


def to_text(value):
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(key) + ":" + to_text(item) for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(to_text, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def say(message):
    sys.stdout.buffer.write((to_text(message) + "\n").encode())
    sys.stdout.buffer.flush()


def say_error(failure):
    error = {"message": str(failure), "failure_type": failure.failure_type}
    if has_defect("wrong failure_type"):
        error["failure_type"] = "transient_error"
    say({"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": 1, "error": error}})


# Values and their columns.


def is_integer(value):
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool) and value == int(value)


def integer_of(value):
    value = Decimal(value) if isinstance(value, str) else value
    if not is_integer(value):
        raise ValueError
    return int(value)


def number_of(value):
    if isinstance(value, (bool, dict, list)) or not Decimal(value).is_finite():
        raise ValueError
    return value if isinstance(value, int) else Decimal(value)


def boolean_of(value):
    if not isinstance(value, bool):
        raise ValueError
    return value


def text_of(value):
    return value if isinstance(value, str) else to_text(value)


def checked_by(check):
    def value_of(value):
        check(value)
        return value

    return value_of


def plain_time(value):
    return value.replace("Z", "+00:00")


TIMESTAMP = re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)[Tt ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?([Zz]|[+-]\d\d(?::\d\d)?)?$")


DATE = re.compile(r"\d{4}-\d\d-\d\d$")


def part_of_timestamp(part):
    """Of a timestamp a column gets the part that it holds, as it is written."""

    def value_of(value):
        found = TIMESTAMP.match(value)
        if not found:
            return value + "T00:00:00Z" if part.startswith(("date-time", "timestamp")) and DATE.match(value) else value
        year, month, day, minutes, seconds, zone = found.groups()
        time = minutes + (seconds or ":00")
        return {
            "date": f"{year}-{month}-{day}",
            "time_without_timezone": time,
            "time_with_timezone": time + (zone or "Z").upper(),
            "timestamp_without_timezone": f"{year}-{month}-{day}T{time}",
        }.get(part, value)

    return value_of


CONVERSIONS = {
    "integer": integer_of,
    "number": number_of,
    "boolean": boolean_of,
    "string": text_of,
    "date": checked_by(datetime.date.fromisoformat),
    "time": checked_by(lambda value: datetime.time.fromisoformat(plain_time(value))),
    "date-time": checked_by(lambda value: datetime.datetime.fromisoformat(plain_time(value))),
}


def conversion_of(schema):
    types = schema.get("type", [])
    types = [one for one in ([types] if isinstance(types, str) else types) if one != "null"]
    if len(types) != 1:
        return lambda value: value
    convert = CONVERSIONS.get(schema.get("format") if types[0] == "string" else None)
    if convert is None:
        return CONVERSIONS.get(types[0], lambda value: value)
    part = part_of_timestamp(schema.get("airbyte_type", schema["format"]))
    return lambda value: convert(part(value))


# The store.


def path_of(folder, key):
    name_space, name = key
    encoded = name.encode().hex() or "empty"
    if len(encoded) > 120:
        encoded = encoded[:40] + str(uuid.uuid5(uuid.NAMESPACE_OID, encoded))
    space = "none" if name_space is None else "n" + str(uuid.uuid5(uuid.NAMESPACE_OID, name_space))
    return os.path.join(folder, f"{space}.{encoded}.json")


def read_store(path):
    if not os.path.exists(path):
        return {"rows": [], "staged": {}}
    with open(path, encoding="utf-8") as file:
        return parse(file.read())


def write_store(path, store):
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(to_text(store))
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


class Stream:
    def __init__(self, folder, configured):
        stream = configured["stream"]
        self.key = (stream.get("namespace"), stream["name"])
        self.mode = configured["destination_sync_mode"]
        if self.mode not in ("append", "overwrite", "append_dedup"):
            raise Failure(f"sync mode {self.mode} of stream {self.key[1]}", "config_error")
        self.generation = configured.get("generation_id")
        self.minimum = configured.get("minimum_generation_id")
        self.sync_id = configured.get("sync_id")
        self.primary_key = [path[0] for path in configured.get("primary_key") or []]
        self.cursor = (configured.get("cursor_field") or [None])[0]
        if self.minimum is not None and self.minimum > self.generation:
            raise Failure("the minimum generation is above the generation", "config_error")
        if configured.get("include_files"):
            raise Failure(f"files of stream {self.key[1]}", "config_error")
        self.columns = {name: conversion_of(one) for name, one in stream["json_schema"].get("properties", {}).items()}
        self.complete = False
        self.deleted = {}  # of this sync: an older update that comes later brings nothing back
        self.seen = 0
        self.path = path_of(folder, self.key)
        self.store = read_store(self.path)
        self.begin()

    def fit(self, row, is_stored=False):
        """A row with the columns of the schema; what does not fit is null and noted. A stored one keeps what it has."""
        if not TYPED:
            return row
        fitted = {name: value for name, value in row.items() if is_stored or name.startswith("_airbyte_")}
        for name, conversion in self.columns.items():
            fitted[name] = None
            try:
                value = row.get(name)
                if is_stored and conversion is boolean_of:
                    value = {"true": True, "false": False}.get(value, value)
                if value is not None:
                    fitted[name] = conversion(value)
            except (ValueError, TypeError, ArithmeticError, AttributeError):
                change = {"field": name, "change": "NULLED", "reason": "DESTINATION_SERIALIZATION_ERROR"}
                fitted["_airbyte_meta"]["changes"].append(change)
        return fitted

    def replaces(self):
        return self.minimum > 0 if self.minimum is not None else self.mode == "overwrite"

    def has_generations(self):
        return self.minimum is not None

    def begin(self):
        staged = self.store["staged"]
        if not self.replaces():  # old rows get the columns that the new ones have
            self.store["rows"] = [self.fit(row, is_stored=True) for row in self.store["rows"]]
        if not self.replaces():
            self.rows = self.store["rows"]
            for rows in staged.values():
                self.rows.extend(rows)
            staged.clear()
            return
        kept = staged.get(str(self.generation)) if self.has_generations() and not has_defect("forgets a generation") else None
        staged.clear()
        self.rows = kept or []
        staged[str(self.generation)] = self.rows
        if has_defect("old rows go early"):
            self.store["rows"] = []
            write_store(self.path, self.store)

    def add(self, record):
        self.seen += 1
        if has_defect("loses a row") and self.seen == 2:
            return
        data = without_lone_surrogates(record["data"])
        changes = list((record.get("meta") or {}).get("changes") or [])
        for before, after in zip(record["data"].items(), data.items()):
            if before != after:
                changes.append({"field": after[0], "change": "TRUNCATED", "reason": "DESTINATION_SERIALIZATION_ERROR"})
        if has_defect("integers become texts"):
            data = {name: str(value) if type(value) is int else value for name, value in data.items()}
        if has_defect("drops nulls"):
            data = {name: value for name, value in data.items() if value is not None}
        row = {
            "_airbyte_raw_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12 if has_defect("one raw_id") else str(uuid.uuid4()),
            "_airbyte_extracted_at": moment(record["emitted_at"]),
            "_airbyte_meta": {"sync_id": self.sync_id, "changes": changes},
            "_airbyte_generation_id": self.generation,
            **data,
        }
        if has_defect("loses changes"):
            row["_airbyte_meta"]["changes"] = []
        row = self.fit(row)
        if self.mode == "append_dedup":
            self.upsert(row)
        else:
            self.rows.append(row)
            if has_defect("doubles a row") and self.seen == 1:
                self.rows.append({**row, "_airbyte_raw_id": str(uuid.uuid4())})

    def upsert(self, row):
        key = self.key_of(row)
        age = self.age_of(row)
        if key in self.deleted and age < self.deleted[key]:
            return
        old = next((other for other in self.rows if self.key_of(other) == key), None)
        if old is not None:
            if age < self.age_of(old):
                return
            self.rows.remove(old)
        deleted = row.get("_ab_cdc_deleted_at")
        if deleted is not None and deleted is not False and deleted != "":
            self.deleted[key] = age
        else:
            self.rows.append(row)

    def key_of(self, row):
        return tuple(to_text(row.get(name)) for name in self.primary_key)

    def age_of(self, row):
        cursor = row.get(self.cursor) if self.cursor else None
        rank = 0 if cursor is None else 2 if isinstance(cursor, str) else 1  # numbers before texts
        return (rank, 0 if cursor is None else cursor, row["_airbyte_extracted_at"])

    def commit(self):
        write_store(self.path, self.store)

    def end(self):
        """Whether the stream ended well."""
        good = self.complete or not self.has_generations()
        if self.replaces() and good:
            self.store = {"rows": self.rows, "staged": {}}
        elif self.replaces() and not self.has_generations():
            return good  # nothing of this attempt stays
        self.commit()
        return good


def moment(emitted_at):
    if has_defect("wrong moment"):
        emitted_at += 1
    time_ = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=int(emitted_at))
    return time_.isoformat(timespec="milliseconds") + "Z"


# The sync.


class Sync:
    def __init__(self, folder, catalog):
        self.streams = {}
        for configured in catalog["streams"]:
            stream = Stream(folder, configured)
            if stream.key in self.streams:
                raise Failure(f"stream {stream.key[1]} is there twice", "config_error")
            self.streams[stream.key] = stream
        self.counts = {}
        self.kind = None
        self.held = []  # STATEs that wait for the end

    def stream(self, descriptor, name):
        key = (descriptor.get("namespace"), descriptor[name])
        if key not in self.streams:
            raise Failure(f"stream {key[1]} is not in the catalog")
        return self.streams[key]

    def handle(self, line):
        message = parse(line)
        if not isinstance(message, dict):
            raise Failure("a line is no message")
        kind = message.get("type")
        if kind == "RECORD":
            self.handle_record(message["record"])
        elif kind == "STATE":
            self.handle_state(message["state"])
        elif kind == "TRACE" and message["trace"].get("type") == "STREAM_STATUS":
            status = message["trace"]["stream_status"]
            if status["status"] == "COMPLETE" or has_defect("any status is COMPLETE"):
                self.stream(status["stream_descriptor"], "name").complete = True

    def handle_record(self, record):
        stream = self.stream(record, "stream")
        if stream.complete:
            raise Failure(f"a record behind the end of {stream.key[1]}")
        if not isinstance(record["data"], dict):
            raise Failure("the data of a record is no object")
        if record.get("file") is not None or record.get("file_reference") is not None:
            raise Failure("a record with a file", "config_error")
        stream.add(record)
        for scope in (stream.key, None):
            self.counts[scope] = self.counts.get(scope, 0) + 1

    def handle_state(self, state):
        scope = None
        if state.get("type") == "STREAM":
            descriptor = state["stream"]["stream_descriptor"]
            scope = (descriptor.get("namespace"), descriptor["name"])
        kind = scope is None
        if self.kind not in (None, kind):
            raise Failure("STREAM and GLOBAL states in one sync")
        self.kind = kind
        count = self.counts.pop(scope, 0)
        answer = {**state, "destinationStats": {"recordCount": Decimal(f"{count}.0")}}
        self.change(answer)
        if any(stream.replaces() and not stream.has_generations() for stream in self.streams.values()):
            self.held.append(answer)
            return
        if not has_defect("early STATE"):
            for stream in self.streams.values():
                stream.commit()
        if has_defect("STATEs backwards"):
            self.held.insert(0, answer)
        elif not has_defect("loses a STATE") or "second" not in self.counts:
            say({"type": "STATE", "state": answer})
            if has_defect("repeats a STATE"):
                say({"type": "STATE", "state": answer})
        self.counts["second"] = 1

    @staticmethod
    def change(answer):
        if has_defect("wrong count"):
            answer["destinationStats"]["recordCount"] += 1
        if has_defect("no count"):
            del answer["destinationStats"]
        if has_defect("floats in STATEs"):
            answer.update(json.loads(to_text(answer)))
        if has_defect("loses the id"):
            answer.pop("id", None)

    def end(self):
        good = [stream.end() for stream in self.streams.values()]
        for answer in self.held:
            say({"type": "STATE", "state": answer})
        if not all(good):
            raise Failure("the source ended early", "transient_error")

    def give_up(self):
        for stream in self.streams.values():
            if stream.has_generations() or not stream.replaces():
                stream.commit()


class Stopped(BaseException):
    pass


def stop(*_):
    raise Stopped


def write(config, catalog):
    if has_defect("reads nothing"):
        time.sleep(600)
    os.makedirs(config["folder"], exist_ok=True)
    sync = Sync(config["folder"], catalog)
    if has_defect("prints rubbish"):
        print("Starting!", flush=True)
    if has_defect("prints another message"):
        say({"type": "SURPRISE", "surprise": {}})
    if has_defect("acknowledges what never came"):
        say({"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": {"name": "users"}}}})
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, signal.SIG_IGN if has_defect("ignores signals") else stop)
    try:
        for line in sys.stdin.buffer:
            if line.strip():
                handle_line(sync, line)
        sync.end()
        if has_defect("hangs at the end"):
            time.sleep(600)
        if has_defect("crashes at the end"):
            os.abort()
        if has_defect("torn last line"):
            sys.stdout.write('{"type":"LOG","log":{"level":"INFO","message":"bye"}}')
    except Stopped:
        sync.give_up()
        os._exit(143)
    except Failure:
        sync.give_up()
        raise


def handle_line(sync, line):
    try:
        sync.handle(line.decode("utf-8-sig"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if has_defect("skips broken lines"):
            return
        shown = line.decode(errors="replace") if has_defect("shows the data") else ""
        raise Failure(f"a line is no message: {type(error).__name__} {shown}") from None


def read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return parse(file.read())
    except ValueError:
        raise Failure(f"{os.path.basename(path)} is no JSON", "config_error") from None


def run(arguments):
    if arguments[0] == "spec":
        schema = {"type": "object", "required": ["folder"], "properties": {"folder": {"type": "string"}}}
        return say({"type": "SPEC", "spec": {"connectionSpecification": schema}})
    config = read_json(arguments[arguments.index("--config") + 1])
    if "folder" not in config:
        raise Failure("folder is missing", "config_error")
    if arguments[0] == "check":
        return say({"type": "CONNECTION_STATUS", "connectionStatus": {"status": "SUCCEEDED"}})
    catalog = read_json(arguments[arguments.index("--catalog") + 1])
    try:
        write(config, catalog)
    except (KeyError, TypeError) as error:
        raise Failure(f"the catalog lacks {error}", "config_error") from None


def print_rows():
    with open(os.environ["LANDFALL_CONFIG"], encoding="utf-8") as file:
        config = parse(file.read())
    key = (os.environ.get("LANDFALL_NAMESPACE"), os.environ["LANDFALL_STREAM"])
    for row in read_store(path_of(config["folder"], key))["rows"]:
        say(row)


def main():
    global DEFECT, TYPED
    arguments = sys.argv[1:]
    if arguments[0] == "--typed":
        TYPED = True
        arguments = arguments[1:]
    if arguments[0] == "--defect":
        DEFECT = arguments[1]
        arguments = arguments[2:]
    if arguments == ["read"]:
        return print_rows()
    try:
        run(arguments)
    except Failure as failure:
        if arguments[0] == "check":
            say({"type": "CONNECTION_STATUS", "connectionStatus": {"status": "FAILED", "message": str(failure)}})
            return
        if not has_defect("fails without a word"):
            say_error(failure)
        sys.stdout.flush()
        sys.exit(0 if has_defect("exit code 0") else 1)


main()
