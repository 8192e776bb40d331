"""Runs one command to its end and tells what it took."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
# How often the memory of a tree of processes is added up.
LOOK = 0.01

# Forked from a shell because a forked Python would lend its own size to the child: the kernel keeps
# the largest memory of a process over exec. The shell dies before the run, which makes the run this
# process's child (see `adopt_orphans`), so that wait4 tells its own CPU time and memory, with those
# of the processes that it waited for, and nobody else's. It waits for a line so that the clock
# starts after the fork. Descriptor 4 is where its standard output goes.
LAUNCH = '{ read -r _ <&3; exec "$@" </dev/null >&4 3<&- 4>&-; } & echo $!'


class Failed(Exception):
    """Something did not do what it was there for."""


class Sample(NamedTuple):
    """What one run took: seconds, seconds, MiB, and a number."""

    wall: float
    cpu: float
    rss: float
    connections: float = 0


class Contestant(NamedTuple):
    """A tool with the settings that a row gives it."""

    command: list[str]
    # Whether the body comes out of it, and goes through a pipe to a reader that drops it.
    is_piped: bool = False
    # Whether it starts other processes, whose memory counts as well.
    is_tree: bool = False
    # Whether it prints the sums that it was to compute.
    prints_sums: bool = False


def adopt_orphans() -> None:
    """Makes this process the parent of what its shells leave behind (PR_SET_CHILD_SUBREAPER)."""
    if ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0) != 0:
        raise Failed(f"prctl: {os.strerror(ctypes.get_errno())}")


def run(
    entrant: Contestant,
    environment: dict[str, str],
    patience: int,
    listener: socket.socket | None = None,
    printed: Path | None = None,
    watch: bool = False,
) -> Sample:
    """Runs a contestant to its end and returns what it took.

    With a `listener` it is ended as soon as it has sent a byte there, and the wall time is until
    then. What it prints is kept in `printed`. With `watch` the memory is that of all its processes.
    """
    read_end, write_end = os.pipe()
    with tempfile.TemporaryFile() as errors, output(entrant.is_piped, printed) as (target, reader):
        pid = launch(entrant.command, environment, read_end, target, errors)
        memory = Watch(pid) if watch else None
        try:
            with alarm(patience):
                begin = time.perf_counter()
                os.write(write_end, b"\n")
                os.close(write_end)
                end = first_byte(listener, pid) if listener else None
                _, status, usage = os.wait4(pid, 0)
                if reader:
                    reader.wait()
                wall = (end or time.perf_counter()) - begin
        except BaseException:
            # An interrupted benchmark must not leave a tool that writes into a folder that goes.
            end_tree(pid)
            raise
        rss = memory.stop() if memory else usage.ru_maxrss / 1024
        if status != 0 and not listener:
            errors.seek(0)
            text = errors.read(300).decode(errors="replace").strip()
            raise Failed(f"ended with {os.waitstatus_to_exitcode(status)}: {text}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, rss)


def launch(command, environment, read_end: int, target: int, errors) -> int:
    """Starts a process that waits for a line before it becomes the command; returns its number."""
    shell = subprocess.Popen(
        ["/bin/sh", "-c", f"exec 3<&{read_end} 4>&{target}; {LAUNCH}", "sh", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        pass_fds=[read_end, target],
        env=environment,
    )
    os.close(read_end)
    os.close(target)
    pid = int(shell.stdout.readline())
    shell.wait()
    shell.stdout.close()
    return pid


@contextlib.contextmanager
def output(is_piped: bool, printed: Path | None):
    """Gives the descriptor for a tool's standard output, and who reads it, if somebody does."""
    if not is_piped:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        yield os.open(printed, flags) if printed else os.open(os.devnull, os.O_WRONLY), None
        return
    read_end, write_end = os.pipe()
    reader = subprocess.Popen(["cat"], stdin=read_end, stdout=subprocess.DEVNULL)
    os.close(read_end)
    try:
        yield write_end, reader
    finally:
        reader.kill()
        reader.wait()


@contextlib.contextmanager
def alarm(seconds: int):
    """A tool that hangs must not hang the benchmark."""

    def too_long(*_):
        raise Failed(f"no end after {seconds} s")

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def first_byte(listener: socket.socket, pid: int) -> float:
    """Returns when a byte has come, and kills who sent it."""
    connection, _ = listener.accept()
    connection.recv(1)
    now = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    connection.close()
    return now


def family(pid: int) -> list[int]:
    """Returns a process and all that it has started."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):
                children = Path(f"/proc/{parent}/task/{task}/children").read_text()
                found += [int(child) for child in children.split()]
    return found


def end_tree(pid: int) -> None:
    """Kills a process and all that it has started."""
    for member in family(pid):
        with contextlib.suppress(OSError):
            os.kill(member, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.waitpid(pid, 0)


class Watch:
    """Adds up the memory of a tree of processes while it runs, each page counted once."""

    def __init__(self, pid: int):
        self.pid, self.peak = pid, 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self) -> None:
        while not self.is_over.wait(LOOK):
            self.peak = max(self.peak, sum(map(share, family(self.pid))))

    def stop(self) -> float:
        """Returns the peak in MiB."""
        self.is_over.set()
        self.thread.join()
        return self.peak / 1024


def share(pid: int) -> int:
    """Returns a process's own pages and its share of those in common, in KiB."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


class Others:
    """How much of the processors others take: what makes figures noisy."""

    def __init__(self, servers: list[int]):
        self.servers = servers
        self.begin = time.monotonic(), self.busy(), self.ours()

    def cores(self) -> float:
        """Returns how many cores others have used on average since this was made."""
        since, busy, ours = self.begin
        spent = (self.busy() - busy) - (self.ours() - ours)
        return max(0.0, spent / (time.monotonic() - since))

    def busy(self) -> float:
        """Returns the seconds of all processors that went to somebody, or to another machine."""
        user, nice, system, _, _, irq, softirq, steal = map(
            int, Path("/proc/stat").read_text().split()[1:9]
        )
        return (user + nice + system + irq + softirq + steal) / TICKS

    def ours(self) -> float:
        """Returns the seconds of this process, of those it has waited for, and of the servers."""
        spent = sum(os.times()[:4])
        for server in self.servers:
            for pid in family(server):
                with contextlib.suppress(OSError):
                    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                    spent += (int(fields[11]) + int(fields[12])) / TICKS
        return spent
