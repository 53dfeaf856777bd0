"""Processes that surely end, ports that are free, and waiting for events without sleeping for luck.

SPDX-License-Identifier: Apache-2.0
"""

import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

POLL = 0.02  # seconds between two looks at something that is waited for

_given_ports = set()


def free_port():
    """A port that nobody listens on, below the range the system gives to outgoing connections.

    Between its choice and its use another worker of pytest-xdist may look: each has its own.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    while True:
        port = random.SystemRandom().randrange(11000 + worker % workers, 31000, workers)
        if port in _given_ports:
            continue
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(("0.0.0.0", port))
        except OSError:
            continue
        _given_ports.add(port)
        return port


class NotInTime(AssertionError):
    """What was waited for did not happen."""


def wait_for(look, what, timeout=10.0, poll=POLL):
    """Calls look() until it returns something true, which is returned; NotInTime after the timeout.

    A look that raises OSError or ValueError has not seen it yet.
    """
    deadline = time.monotonic() + timeout
    trouble = None
    while True:
        try:
            seen = look()
            if seen:
                return seen
        except (OSError, ValueError) as error:
            trouble = error
        if time.monotonic() > deadline:
            raise NotInTime(f"{what}: not within {timeout:g} s" + (f" ({trouble})" if trouble else ""))
        time.sleep(poll)


def accepts_connections(port, host="127.0.0.1"):
    with socket.create_connection((host, port), timeout=1):
        return True


def is_free(port, host="127.0.0.1"):
    """Nobody listens there: not even a killed process of which threads are still ending."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return True


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def pids_with_argument(argument):
    """All living processes that were started with this argument: finds orphans too."""
    found = []
    wanted = os.fsencode(str(argument))
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted in arguments and is_alive(int(entry.name)):
            found.append(int(entry.name))
    return sorted(found)


def parent_of(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def open_files(pid):
    """What its descriptors lead to, as /proc names it."""
    found = set()
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            found.add(os.readlink(entry))
    except OSError:
        pass  # it ends just now
    return found


def listening_sockets(port):
    """The TCP sockets that listen on a port, as open_files() has them."""
    found = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def end_all(find, patience=5.0):
    """Ends what find() lists, first asking, then by force."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in find():
            send(pid, number)
        try:
            wait_for(lambda: not find(), "end of processes", timeout=patience)
            return
        except NotInTime:
            continue
    raise AssertionError(f"processes that do not end: {find()}")


class Daemon:
    """A program in the foreground, its output in a file; ended by stop()."""

    def __init__(self, arguments, log, env=None, cwd=None):
        self.arguments = [str(argument) for argument in arguments]
        self.log = Path(log)
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
            )

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def wait_for_port(self, port, timeout=10.0):
        def look():
            if not self.is_running():
                raise AssertionError(f"{self.arguments[0]} ended: {self.text()[-2000:]}")
            return accepts_connections(port)

        wait_for(look, f"{self.arguments[0]} listening on {port}", timeout)

    def stop(self):
        if self.is_running():
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
