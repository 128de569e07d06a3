"""Runs one program and says what it took: time, CPU, memory, and how long STATEs waited."""

import collections
import dataclasses
import json
import os
import signal
import threading
import time

STATE_BEGIN = b'{"type":"STATE"'
PIPE_BYTES = 1 << 20


class Failed(Exception):
    """A program did not do what it was measured for."""


@dataclasses.dataclass
class Run:
    seconds: float  # from the start to the exit
    cpu_seconds: float  # of the process itself, user and system, all threads
    peak_mib: float  # of resident memory; the system counts in what this script had when it started the process
    others: float  # processors that were busy with something else meanwhile
    states: int  # STATE lines on stdout
    written: int = 0  # bytes of rows
    longest_wait: float = 0.0  # timed feed: from a STATE in the pipe to its line on stdout


class TimedInput:
    """An input whose STATEs are known, so that their times can be taken."""

    def __init__(self, path):
        self.path = path
        self.states = []  # (end of the line in the file, stream)
        self.bytes = 0
        with open(path, "rb") as file:
            for line in file:
                self.bytes += len(line)
                if line.startswith(STATE_BEGIN):
                    self.states.append((self.bytes, _stream_of(line)))


def measure(command, input_path, feed, stdout_path, timeout, server_seconds=lambda: 0.0):
    """Runs `command` with the input as its stdin: 'file', 'pipe' (from cat), or a TimedInput, by a pipe.

    server_seconds(): what a server has worked so far which works for it (not with a TimedInput).

    Its log goes with its messages to stdout_path. Raises Failed when it does not exit with 0 in time.
    """
    if isinstance(feed, TimedInput):
        return _measure_timed(command, feed, stdout_path, timeout)
    before = _busy_seconds() - server_seconds()
    began = time.monotonic()
    feeder = None
    if feed == "pipe":
        reading, writing = os.pipe()
        feeder = _spawn(["cat", input_path], stdin=os.devnull, stdout=writing)
        os.close(writing)
        process = _spawn(command, stdin=reading, stdout=stdout_path)
        os.close(reading)
    else:
        process = _spawn(command, stdin=input_path, stdout=stdout_path)
    usage = _wait(process, command, stdout_path, timeout)
    seconds = time.monotonic() - began
    cpu = usage.ru_utime + usage.ru_stime
    ours = cpu
    if feeder:
        feeder_usage = os.wait4(feeder, 0)[2]
        ours += feeder_usage.ru_utime + feeder_usage.ru_stime
    others = (_busy_seconds() - server_seconds() - before - ours) / seconds
    return Run(seconds, cpu, usage.ru_maxrss / 1024, max(0.0, others), _count_states(stdout_path))


def _measure_timed(command, timed, stdout_path, timeout):
    answers = []  # (time, line)
    written = collections.defaultdict(list)  # stream -> times
    before = _busy_seconds() - sum(os.times()[:2])
    began = time.monotonic()
    stdin, feeding = os.pipe()
    listening, stdout = os.pipe()
    _widen(feeding)
    process = _spawn(command, stdin=stdin, stdout=stdout, stderr=stdout_path)
    os.close(stdin)
    os.close(stdout)
    threads = [threading.Thread(target=_feed, args=(timed, feeding, written)),
               threading.Thread(target=_listen, args=(listening, answers))]
    for thread in threads:
        thread.start()
    usage = _wait(process, command, stdout_path, timeout)
    seconds = time.monotonic() - began
    for thread in threads:
        thread.join()
    cpu = usage.ru_utime + usage.ru_stime
    others = (_busy_seconds() - sum(os.times()[:2]) - before - cpu) / seconds
    answers = [(when, line) for when, line in answers if line.startswith(STATE_BEGIN)]
    longest = longest_wait(written, [(when, _stream_of(line)) for when, line in answers])
    return Run(seconds, cpu, usage.ru_maxrss / 1024, max(0.0, others), len(answers), longest_wait=longest)


def longest_wait(written, answered):
    """From when a STATE was written to when it was answered. `written`: times by stream; `answered`: (time, stream).

    STATEs of a stream are answered in their order. Raises Failed for an answer without a STATE.
    """
    waiting = {stream: collections.deque(times) for stream, times in written.items()}
    longest = 0.0
    for when, stream in answered:
        if not waiting.get(stream):
            raise Failed(f"more STATEs came out for stream {stream} than went in")
        longest = max(longest, when - waiting[stream].popleft())
    return longest


def _feed(timed, pipe, written):
    try:
        with open(timed.path, "rb", buffering=0) as file:
            at = 0
            for end, stream in timed.states + [(timed.bytes, None)]:
                while at < end:
                    at += _write_all(pipe, file.read(min(end - at, PIPE_BYTES)))
                written[stream].append(time.monotonic())
    except BrokenPipeError:
        pass  # the program ended early, which its exit code tells
    finally:
        os.close(pipe)


def _write_all(pipe, piece):
    at = 0
    while at < len(piece):
        at += os.write(pipe, piece[at:])
    return at


def _listen(pipe, answers):
    rest = b""
    while piece := os.read(pipe, 1 << 16):
        now = time.monotonic()
        *lines, rest = (rest + piece).split(b"\n")
        answers.extend((now, line) for line in lines)
    os.close(pipe)


def _stream_of(state_line):
    return json.dumps(json.loads(state_line)["state"]["stream"]["stream_descriptor"], sort_keys=True)


def _spawn(command, stdin, stdout, stderr=None):
    actions = [_connect(stdin, 0, os.O_RDONLY),
               _connect(stdout, 1, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)]
    if stderr is not None:
        actions.append(_connect(stderr, 2, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
    else:
        actions.append((os.POSIX_SPAWN_DUP2, 1, 2))
    return os.posix_spawnp(command[0], command, os.environ, file_actions=actions)


def _connect(end, descriptor, flags):
    if isinstance(end, int):
        return (os.POSIX_SPAWN_DUP2, end, descriptor)
    return (os.POSIX_SPAWN_OPEN, descriptor, end, flags, 0o644)


def _wait(process, command, stdout_path, timeout):
    ended = threading.Lock()
    timed_out = []

    def kill():
        with ended:
            if not timed_out:
                timed_out.append(True)
                os.kill(process, signal.SIGKILL)

    timer = threading.Timer(timeout, kill)
    timer.start()
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)  # it is not gone before the timer is
    timer.cancel()
    timer.join()
    status, usage = os.wait4(process, 0)[1:]
    if timed_out:
        raise Failed(f"{_shown(command)} did not end within {timeout:.0f} s")
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        with open(stdout_path, "rb") as file:
            said = file.read()[-2000:].decode(errors="replace")
        raise Failed(f"{_shown(command)} ended with {code}:\n{said}")
    return usage


def _shown(command):
    return " ".join([os.path.basename(command[0])] + command[1:])


def _count_states(stdout_path):
    with open(stdout_path, "rb") as file:
        return sum(1 for line in file if line.startswith(STATE_BEGIN))


def _widen(pipe):
    try:
        import fcntl
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (AttributeError, OSError):
        pass  # smaller pipes work, too


def _busy_seconds():
    """What all processors have worked so far."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _waiting, irq, soft_irq, stolen = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + soft_irq + stolen) / os.sysconf("SC_CLK_TCK")


def wait_until_quiet(patience):
    """Returns when others have used less than a tenth of the processors for half a second, at the latest in `patience`
    seconds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        before = _busy_seconds()
        time.sleep(0.5)
        if _busy_seconds() - before < 0.05 * os.cpu_count():
            return
