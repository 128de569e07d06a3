"""The stores that tables are loaded into: how they are emptied, filled before a run, and counted after it."""

import contextlib
import dataclasses
import os
import shutil
import sqlite3
import subprocess

import measure
from rows import ROOT, Unsupported

SERVER = os.path.join(ROOT, "tests", "postgres", "server.sh")


class Postgres:
    """A server, and one of its databases, which each run has anew."""

    def __init__(self, folder, is_ours, database="landfall_bench"):
        """is_ours: it is started with the first run and removed with us; else server.sh has started it before."""
        self.folder = folder
        self.database = database
        self.is_ours = is_ours
        self.is_started = False

    def require(self):
        found = subprocess.run(["sh", SERVER, "check"], capture_output=True, text=True)
        if found.returncode != 0:
            raise Unsupported(f"no PostgreSQL server: {found.stderr.strip()}")
        self.programs = found.stdout.strip()
        if not self.is_started:
            self.is_started = True
            if self.is_ours:
                subprocess.run(["sh", SERVER, "start", self.folder, "--set", "fsync=on"], check=True)
            self.conninfo = subprocess.run(["sh", SERVER, "conninfo", self.folder], check=True, stdout=subprocess.PIPE,
                                           text=True).stdout.strip()
            self.copies_files = int(self.ask("SHOW server_version_num", "postgres")) >= 150_000

    def close(self):
        if self.is_ours:
            subprocess.run(["sh", SERVER, "remove", self.folder], check=True)

    def about(self):
        if not self.is_started:
            return ""
        version, fsync = (self.ask(f"SHOW {name}", "postgres") for name in ("server_version", "fsync"))
        return f", PostgreSQL {version.split()[0]} (fsync {fsync})"

    def psql(self, database=None):
        """A command that reads SQL from stdin."""
        return [os.path.join(self.programs, "psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set",
                "ON_ERROR_STOP=1", "--dbname", self._conninfo_of(database or self.database)]

    def _conninfo_of(self, database):
        return f"{self.conninfo} dbname={database}"  # of two names the last one counts

    def ask(self, sql, database=None):
        done = subprocess.run(self.psql(database), input=sql, capture_output=True, text=True)
        if done.returncode != 0:
            raise measure.Failed(done.stderr)
        return done.stdout.strip()

    def has(self, kept):
        return self.ask(f"SELECT count(*) FROM pg_database WHERE datname = '{kept}'", "postgres") == "1"

    def begin(self, kept=None):
        """Without tables, or with those that were kept."""
        self.drop(self.database)
        origin = f' TEMPLATE "{kept}"' + (" STRATEGY file_copy" if self.copies_files else "") if kept else ""
        self.ask(f"CREATE DATABASE {self.database}{origin}", "postgres")
        self.ask("CHECKPOINT")

    def keep(self, name):
        """For begin(). As autovacuum would leave it in time."""
        self.ask("VACUUM (ANALYZE)")
        self.ask(f'ALTER DATABASE {self.database} RENAME TO "{name}"', "postgres")

    def drop(self, database):
        self.ask(f'SET client_min_messages = warning; DROP DATABASE IF EXISTS "{database}" WITH (FORCE)', "postgres")

    def end(self):
        self.drop(self.database)

    def count(self, streams):
        return int(self.ask("SELECT " + " + ".join(f'(SELECT count(*) FROM "{stream}")' for stream in streams)))

    def configuration(self):
        with open(os.path.join(self.folder, "host")) as host, open(os.path.join(self.folder, "port")) as port:
            return {"host": host.read().strip(), "port": int(port.read()), "database": self.database,
                    "schema": "public", "username": "postgres", "password": "", "ssl_mode": {"mode": "disable"}}

    def limit_options(self):
        return ["--conninfo", self._conninfo_of(self.database)]

    def worked_seconds(self):
        """What its processes have worked so far, those that have ended included."""
        server, children = self.processes()
        return server.own + server.ended_children + sum(child.own for child in children)

    def processes(self):
        """The server's, and those of its connections and helpers."""
        with open(os.path.join(self.folder, "place")) as place:
            with open(os.path.join(place.read().strip(), "data", "postmaster.pid")) as pid:
                server = int(pid.readline())
        while True:
            before = _work_of(server)
            found = [_work_of(int(name)) for name in os.listdir("/proc") if name.isdigit()]
            after = _work_of(server)
            if before is None or after is None:
                raise measure.Failed("the server is no more")
            if before.ended_children == after.ended_children:  # else one may be counted twice, or not at all
                return before, [work for work in found if work and work.parent == server]


@dataclasses.dataclass
class Work:
    """Of a process, in seconds."""
    parent: int
    own: float
    ended_children: float


def _work_of(process):
    """None: it has ended."""
    try:
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    user, system, children_user, children_system = (int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:15])
    return Work(int(fields[1]), user + system, children_user + children_system)


class Sqlite:
    """A file."""

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, "rows.sqlite")

    def require(self):
        pass

    def close(self):
        pass

    def about(self):
        return ""

    def _kept(self, name):
        return os.path.join(self.folder, name + ".kept.sqlite")

    def has(self, kept):
        return os.path.exists(self._kept(kept))

    def begin(self, kept=None):
        self.end()
        if kept:
            shutil.copy(self._kept(kept), self.path)

    def keep(self, name):
        if os.path.exists(self.path + "-wal"):
            raise measure.Failed("rows were left in the write-ahead log")
        os.rename(self.path, self._kept(name))

    def drop(self, name):
        os.remove(self._kept(name))

    def end(self):
        for suffix in ("", "-wal", "-shm", "-journal"):
            if os.path.exists(self.path + suffix):
                os.remove(self.path + suffix)

    def count(self, streams):
        try:
            with contextlib.closing(sqlite3.connect(self.path)) as connection:
                return sum(connection.execute(f'SELECT count(*) FROM "{stream}"').fetchone()[0] for stream in streams)
        except sqlite3.Error as error:
            raise measure.Failed(str(error)) from error

    def configuration(self):
        return {"destination_path": self.path}

    def limit_options(self):
        return ["--out", self.path]

    def worked_seconds(self):
        return 0.0
