"""Inputs of every shape that takes memory: catalogs, STATEs and records that are large, or many, or both."""

import dataclasses
from typing import Callable

MB = 1_000_000
SQLITE_BYTES_PER_COLUMN = 40  # of its own copy of the schema
MANY = 1_000


@dataclasses.dataclass(frozen=True)
class Shape:
    name: str
    about: str
    catalog: Callable  # program -> the pieces of a catalog
    messages: Callable = lambda: ()  # -> pieces of the input
    columns: Callable = lambda program: 0  # of all streams, where they are many
    largest: int = 0  # bytes of a single thing that is larger than the budget

    def allowed_mib(self, program, catalog_bytes):
        """What the promise says."""
        base = 64 if program == "jsonl" else 96
        columns = SQLITE_BYTES_PER_COLUMN * self.columns(program) if program == "sqlite" else 0
        more = 1.5 * catalog_bytes if self.columns(program) else 0
        return base + (more + columns + 2 * self.largest) / (1 << 20)


# ---- catalogs ----


def entry(name, properties):
    return (b'{"stream":{"name":"%s","json_schema":{"type":"object","properties":{%s}},"supported_sync_modes":'
            b'["full_refresh","incremental"]},"sync_mode":"incremental","destination_sync_mode":"append"}'
            % (name.encode(), properties))


def catalog(entries):
    yield b'{"streams":['
    for i, one in enumerate(entries):
        yield (b"," if i else b"") + one
    yield b"]}"


def fields(count, kind):
    return b",".join(b'"field_%04d":%s' % (i, kind) for i in range(count))


SHORT = b'{"type":["null","string"]}'
LONG = b'{"type":["null","string"],"maxLength":100}'


def wide(streams, fields_for, kind=SHORT):
    """fields_for: of each stream, by program."""
    return {"catalog": lambda program: catalog(entry(f"stream_{i:04}", fields(fields_for(program), kind))
                                               for i in range(streams)),
            "columns": lambda program: streams * fields_for(program)}


ONE = b'"id":{"type":"integer"},"t":{"type":"string"},"a":{"type":"array"},"o":{"type":"object"}'


def streams(count):
    return lambda program: catalog(entry(f"stream_{i:04}", ONE) for i in range(count))


# ---- STATEs ----


def state(stream, size=0):
    return (b'{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"stream_%04d"},'
            b'"stream_state":{"cursor":"%s"}}}}\n' % (stream, b"x" * size))


def global_states(inner, count):
    inside = b",".join(b'{"stream_descriptor":{"name":"stream_%04d"},"stream_state":{"cursor":%d}}' % (i, i)
                       for i in range(inner))
    line = (b'{"type":"STATE","state":{"type":"GLOBAL","global":{"shared_state":{"lsn":1},"stream_states":[%s]}}}\n'
            % inside)
    return lambda: (line for _ in range(count))


def large_states(size, count):
    return lambda: (state(0, size) for _ in range(count))


# ---- records ----


def record(stream, data, meta=b""):
    return (b'{"type":"RECORD","record":{"stream":"stream_%04d","data":%s,"emitted_at":1700000000000%s}}\n'
            % (stream, data, meta))


def text(size):
    return b'{"id":1,"t":"%s"}' % (b"x" * size)


def array(size):
    element = b'{"n":12345,"s":"abcdefgh"},'
    return b'{"id":1,"a":[%s0]}' % (element * (size // len(element)))


def wide_object(size):
    member = b'"m%07d":"abcdefgh",'
    return b'{"id":1,"o":{%s"z":1}}' % b"".join(member % i for i in range(size // len(member % 0)))


def in_turns(make, sizes, total):
    """Records of these sizes until `total` bytes, and a STATE."""
    def messages():
        kept = [record(0, make(size)) for size in sizes]
        sent = 0
        while sent < total:
            for line in kept:
                sent += len(line)
                yield line
        yield state(0)
    return messages


def alone(data, meta=b""):
    def messages():
        yield record(0, b'{"id":1}')
        yield record(0, data(), meta() if meta else b"")
        yield record(0, b'{"id":2}')
        yield state(0)
    return messages


def changes(size):
    one = b'{"field":"t","change":"TRUNCATED","reason":"SOURCE_FIELD_SIZE_LIMITATION"},'
    return b',"meta":{"changes":[%s%s]}' % (one * (size // len(one)), one[:-1])


def interleaved(count, each, size):
    of_each = b"".join(record(s, text(size)) for s in range(count))

    def messages():
        for _ in range(each):
            yield of_each
        yield b"".join(state(s) for s in range(count))
    return messages


SIZES = [1 << n for n in range(0, 24)]

SHAPES = [
    Shape("catalog-200x500", "200 streams of 500 fields", **wide(200, lambda _: 500)),
    Shape("catalog-1000x200", "1,000 streams of 200 fields", **wide(1000, lambda _: 200)),
    Shape("catalog-2000x1700", "2,000 streams of 1,700 fields (PostgreSQL 1,000)",
          **wide(2000, lambda program: 1000 if program == "postgres" else 1700, LONG)),
    Shape("global-10000x200", "200 GLOBAL STATEs of 10,000 streams each (jsonl: all of them in the catalog)",
          lambda program: streams(10_000 if program == "jsonl" else 1)(program), global_states(10_000, 200)),
    Shape("states-6mb", "STATEs of 6 MB", streams(1), large_states(6 * MB, 40)),
    Shape("states-20mb", "STATEs of 20 MB", streams(1), large_states(20 * MB, 12)),
    Shape("states-40mb", "STATEs of 40 MB", streams(1), large_states(40 * MB, 6)),
    Shape("states-300000", "300,000 STATEs without records", streams(1),
          lambda: (state(0) * MANY for _ in range(300))),
    Shape("texts", "texts of 5 to 12 MB", streams(1), in_turns(text, [n * MB for n in range(5, 13)], 400 * MB)),
    Shape("arrays", "arrays of 3 to 20 MB", streams(1), in_turns(array, [n * MB for n in range(3, 21)], 400 * MB)),
    Shape("all-sizes", "texts of 1 byte to 8 MiB in turns", streams(1), in_turns(text, SIZES, 400 * MB)),
    Shape("text-60mb", "one text of 60 MB", streams(1), alone(lambda: text(60 * MB)), largest=60 * MB),
    Shape("array-50mb", "one array of 50 MB", streams(1), alone(lambda: array(50 * MB)), largest=50 * MB),
    Shape("object-60mb", "one object of 60 MB", streams(1), alone(lambda: wide_object(60 * MB)), largest=60 * MB),
    Shape("changes-25mb", "meta.changes of 25 MB", streams(1),
          alone(lambda: b'{"id":1}', lambda: changes(25 * MB)), largest=25 * MB),
    Shape("interleaved-1kb", "1,000 streams in turns, 100 records of 1 kB each", streams(1000),
          interleaved(1000, 100, 1000)),
    Shape("interleaved-5kb", "1,000 streams in turns, 100 records of 5 kB each", streams(1000),
          interleaved(1000, 100, 5000)),
]
