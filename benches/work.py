"""One row made concrete: where its sources lie, which lists lead to them, what must come of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import zlib
from pathlib import Path
from typing import Iterator, NamedTuple

from measure import Contestant, Failed
from rows import KIB, MIB, Row
from servers import Servers

# Files that take less time to write than to find inodes for.
MANY = 100
# Runs of a row at most: rounds and a warm-up, of each tool.
KEPT_RUNS = 6 * 6


class Ground(NamedTuple):
    """Where everything happens."""

    # In memory, if there is a tmpfs: the sources, the lists, and most of what is fetched.
    memory: Path
    # On a disk; only for what the rows of the disk fetch.
    disk: Path | None
    servers: Servers
    ca: Path | None
    tools: dict[str, str]
    environment: dict[str, str]


class Work:
    """A list of files that is to be fetched."""

    def __init__(self, row: Row, ground: Ground):
        self.row, self.ground = row, ground
        self.folder = ground.memory / row.name
        self.out = (ground.disk if row.is_disk else ground.memory) / "out"
        self.sizes = dict(row.in_order())
        self.names = list(self.sizes)
        self.source = ground.memory / "www" / row.folder
        # The delaying server has no locations: every answer of it waits.
        location = "" if row.location in ("", "delay") else f"{row.location}/"
        self.base = f"{ground.servers.origin(row)}/{location}{row.folder}/"
        self.list, self.curl_config = self.folder / "list.txt", self.folder / "curl.txt"
        self.sums, self.aria2_list = self.folder / "SHA256SUMS", self.folder / "aria2.txt"
        # The names, and the paths of the sources.
        self.name_list, self.paths = self.folder / "names.txt", self.folder / "paths.txt"
        self.printed = self.folder / "printed.txt"

    @property
    def urls(self) -> list[str]:
        return [f"{self.base}{name}" for name in self.names]

    # A socket that takes the place of the server.
    listener: socket.socket | None = None

    def write_lists(self) -> None:
        """Writes the list for those that read URLs, and the one for curl."""
        self.folder.mkdir()
        write_lines(self.list, self.urls)
        write_lines(
            self.curl_config,
            (f'url = "{self.base}{name}"\noutput = "{self.out / name}"' for name in self.names),
        )

    def prepare(self) -> None:
        """Writes the lists, and the sources unless another row has made them."""
        self.write_lists()
        self.source.mkdir(parents=True, exist_ok=True)
        for name, size in self.sizes.items():
            if not (self.source / name).exists():
                write_source(self.source / name, int(Path(name).stem), size)

    def reset(self, tool: str) -> None:
        """Brings everything to where it must be before a run of `tool`."""
        self.clear()
        self.out.mkdir()
        if self.row.is_disk:
            # What an earlier run left to be written must not be written while this one is measured.
            os.sync()

    def check(self, entrant: Contestant) -> None:
        """Fails unless exactly the sources have arrived."""
        found = sorted(os.listdir(self.out))
        if found != sorted(self.names):
            stray = sorted(set(found) ^ set(self.names))[:3]
            raise Failed(f"{len(found)} of {len(self.names)} files; wrong: {', '.join(stray)}")
        for name in self.names:
            if not same_bytes(self.source / name, self.out / name):
                raise Failed(f"{name} holds other bytes than its source")

    def clear(self) -> None:
        """Takes away what a run has brought."""
        if self.row.is_disk and self.row.files >= MANY and self.out.exists():
            # Removed at the very end. ext4 passes over each inode that was deleted in the last minutes
            # when it looks for a free one: that is what the next runs would measure.
            self.out.rename(tempfile.mkdtemp(dir=self.out.parent))
        else:
            shutil.rmtree(self.out, ignore_errors=True)

    def clean(self) -> None:
        """Gives the room back that no other row needs."""
        self.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


class Nothing(Work):
    """A command that fetches nothing."""

    def prepare(self) -> None:
        self.write_lists()

    def check(self, entrant: Contestant) -> None:
        pass


class FirstRequest(Nothing):
    """A list of which only the first request is waited for."""

    def __init__(self, row: Row, ground: Ground):
        super().__init__(row, ground)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.base = f"http://127.0.0.1:{self.address[1]}/"

    def reset(self, tool: str) -> None:
        super().reset(tool)
        # Connections of the last run may still wait to be accepted.
        self.listener.close()
        self.listener = socket.create_server(self.address)


class There(Work):
    """A list of files that all exist: links to one."""

    def prepare(self) -> None:
        self.folder.mkdir()
        write_lines(self.list, self.urls)
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        first = self.out / self.names[0]
        first.write_bytes(os.urandom(self.row.size))
        for name in self.names[1:]:
            os.link(first, self.out / name)

    def reset(self, tool: str) -> None:
        pass

    def check(self, entrant: Contestant) -> None:
        with os.scandir(self.out) as entries:
            count = sum(1 for _ in entries)
        if count != self.row.files:
            raise Failed(f"{count} files instead of {self.row.files}")


class Resume(Work):
    """One file, half of which is there."""

    def reset(self, tool: str) -> None:
        super().reset(tool)
        half, name = self.row.size // 2, self.names[0]
        if tool == "haul":
            for _ in range(5):
                if self.interrupt_haul(half):
                    return
                super().reset(tool)
            raise Failed("it could not be interrupted half way")
        shutil.copyfile(self.source / name, self.out / name)
        os.truncate(self.out / name, half)

    def interrupt_haul(self, half: int) -> bool:
        """Has haul write half of the file and record it; tells whether it was about half."""
        command = [self.ground.tools["haul"], "-q", "--limit-rate", str(half)]
        command += ["-d", str(self.out), *self.urls]
        part = self.out / f"{self.names[0]}.part"
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=self.ground.environment,
        ) as tool:  # fmt: skip
            while tool.poll() is None and not (part.exists() and held(part) >= half):
                time.sleep(0.001)
            # Not SIGINT, which is ignored below a shell that runs this in the background.
            tool.send_signal(signal.SIGTERM)
        return part.exists() and half <= held(part) < 1.05 * half


class Sums(Work):
    """Files that are compared with their SHA-256."""

    def prepare(self) -> None:
        super().prepare()
        digests = {name: sha256(self.source / name) for name in self.names}
        self.expected = sorted(digests.values())
        write_lines(self.sums, (f"{digest}  {name}" for name, digest in digests.items()))
        write_lines(self.name_list, self.names)
        write_lines(self.paths, (str(self.source / name) for name in self.names))
        write_lines(
            self.aria2_list,
            (f"{self.base}{n}\n  checksum=sha-256={d}" for n, d in digests.items()),
        )

    def check(self, entrant: Contestant) -> None:
        super().check(entrant)
        self.check_sums(entrant)

    def check_sums(self, entrant: Contestant) -> None:
        """Fails unless exactly the expected sums were printed, by those who print them."""
        if entrant.prints_sums:
            lines = self.printed.read_text().splitlines()
            if sorted(line.split()[0] for line in lines) != self.expected:
                raise Failed("other sums were printed than the files have")


class Compute(Sums):
    """Sums of files that are there: nothing is fetched."""

    def check(self, entrant: Contestant) -> None:
        self.check_sums(entrant)


class Pure(Compute):
    """The same with a sum that Python computes itself."""

    def prepare(self) -> None:
        super().prepare()
        self.expected = sorted(
            f"{zlib.adler32((self.source / name).read_bytes()):08x}" for name in self.names
        )


class Stream(Work):
    """A body that comes out of the tool, or goes to a file."""

    def check(self, entrant: Contestant) -> None:
        if entrant.is_piped:
            # Not while the clock runs: the reader would be what is measured.
            check_stream(entrant.command, self.source / self.names[0], self.ground.environment)
        else:
            super().check(entrant)


KINDS = {
    "version": Nothing,
    "first-request": FirstRequest,
    "there": There,
    "resume": Resume,
    "hash": Sums,
    "compute": Compute,
    "pure": Pure,
    "stream": Stream,
}


def make_work(row: Row, ground: Ground) -> Work:
    """Returns the work of a row."""
    return KINDS.get(row.kind, Work)(row, ground)


def held(path: Path) -> int:
    """Returns how many bytes of a file have room of their own: it may have holes."""
    return path.stat().st_blocks * 512


def write_lines(path: Path, lines: Iterator[str] | list[str]) -> None:
    with open(path, "w") as file:
        file.writelines(f"{line}\n" for line in lines)


def write_source(path: Path, number: int, size: int) -> None:
    """Writes bytes in which a lost, doubled or misplaced block, or another file's block, shows."""
    pattern = os.urandom(min(size, MIB))
    with open(path, "wb") as file:
        for block in range(0, size, MIB):
            stamp = number.to_bytes(8, "big") + block.to_bytes(8, "big")
            file.write((stamp + pattern)[: min(size - block, MIB)])


def same_bytes(one: Path, other: Path) -> bool:
    """Returns whether two files are equal. (`filecmp` may answer from a cache.)"""
    with open(one, "rb", buffering=0) as a, open(other, "rb", buffering=0) as b:
        while True:
            left, right = a.read(MIB), b.read(MIB)
            if left != right:
                return False
            if not left:
                return True


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_stream(command: list[str], source: Path, environment: dict[str, str]) -> None:
    """Fails unless exactly the source comes out of `command`."""
    tool = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment
    )
    with tool, open(source, "rb", buffering=0) as file:
        while True:
            piece = tool.stdout.read(MIB)
            if piece != file.read(MIB):
                tool.kill()
                raise Failed("other bytes came out than the source has")
            if not piece:
                break
    if tool.returncode != 0:
        raise Failed(f"ended with {tool.returncode}")


def room(rows: list[Row], is_disk: bool) -> int:
    """Returns the most that sources and copies take together; small files take a page each. Copies of
    many files stay on the disk until the end."""
    sources: dict[str, int] = {}
    taken = [0]
    kept = 0
    for row in rows:
        has_none = row.kind in ("there", "version", "first-request")
        size = 0 if has_none else max(row.total, 4 * KIB * row.files)
        sources[row.folder] = max(sources.get(row.folder, 0), size)
        if row.is_disk == is_disk:
            taken.append(size)
        if row.is_disk and is_disk and row.files >= MANY:
            kept += size * KEPT_RUNS
    return kept + max(taken) + (0 if is_disk else sum(sources.values()))
