"""The rows of the benchmark: what all tools are asked to do, and in which sizes."""

from __future__ import annotations

import random
from typing import NamedTuple

KIB, MIB, GIB = 1024, 1024**2, 1024**3
WORKERS = 8

# What the server gives each connection of a paced row, in KiB a second. nginx pauses after each
# piece for as many whole milliseconds as it should have taken: at 4000 KiB/s 64 KiB take 16. So the
# flow is even from the first byte on. Without the pieces a connection would begin with a whole
# second's worth, and a file of 1 MiB would come at once.
PACE, PIECE = 4000, 64
# In the row with a slow connection the third one of a run is, and each eighth after it.
SLOW_PACE, SLOW_EVERY, SLOW_FIRST = PACE // 10, 8, 3
# How long the far server waits before each answer, and how many workers ask it.
DELAY_MS, DELAY_WORKERS = 20, 16

# The groups, in the order of the results, and what has to be known of each.
GROUPS = {
    "small": "Many small files: what each file costs.",
    "large": "Few large files: what each byte costs. Writing is not synced: what the system still "
    "has in memory when the tool ends counts as written.",
    "paced": f"The server gives each connection {PACE} KiB/s, without bursts; the ideal is all "
    f"bytes at {WORKERS} times that, so what counts is how many connections work until the end. "
    "Slower: the third connection of a run, and each eighth after it. aria2c has no limit for all "
    "files together, so with a list it opens more than the others and can be under the ideal.",
    "delay": f"The server waits {DELAY_MS} ms before each answer; the ideal is those waits alone.",
    "memory": "What each line of a list costs. Peak MiB counts, the times are of one run.",
    "start": "What a tool needs before it does anything. To the first request: a list of as many "
    "lines, and the clock stops when the server has the first byte of a request.",
    "resume": "Half of the file is there: haul was interrupted when it had written half; of the "
    "others the file was cut in the middle.",
    "hash": "Every file is compared with its SHA-256 while or after it comes.",
    "stream": "The pipe's other end is `cat > /dev/null`, and its time counts too.",
    "threads": "One list, more and more at once. MiB of several processes: the peak of the sum of "
    "what each has to itself and its share of what they have in common, in a run of its own.",
}
# The group of rows that are about threads, whose chart is in docs/threads.md.
LESSON = "threads"


class Sizes(NamedTuple):
    """How much work the rows are."""

    small_files: int = 10_000
    large: int = GIB
    four: int = GIB
    stream: int = 2 * GIB
    paced: int = 64 * MIB
    paced_files: int = 64
    delay_files: int = 1000
    lines_few: int = 1000
    lines_some: int = 100_000
    lines_many: int = 200_000
    lines_there: int = 1_000_000
    hash_files: int = 16
    hash_size: int = 64 * MIB
    wait_files: int = 256
    most_threads: int = 64
    compute_size: int = 16 * MIB
    pure_size: int = 128 * KIB


QUICK = Sizes(
    small_files=500,
    large=64 * MIB,
    four=32 * MIB,
    stream=64 * MIB,
    paced=8 * MIB,
    paced_files=8,
    delay_files=200,
    lines_few=500,
    lines_some=5000,
    lines_many=10_000,
    lines_there=20_000,
    hash_size=2 * MIB,
    wait_files=64,
    most_threads=16,
    compute_size=MIB,
    pure_size=16 * KIB,
)


class Row(NamedTuple):
    """One line of work that all tools do."""

    name: str
    title: str
    group: str
    files: int
    size: int
    # What is to be done: see `contestants` in tools.py and `make_work` in work.py.
    kind: str = "fetch"
    tls: bool = False
    # How many runs make a round. Start-up takes about a millisecond: one run of it is mostly noise.
    repeats: int = 1
    # The size of one more file.
    big: int = 0
    # Where that stands in the list.
    order: str = "first"
    # The part of the server that it is served from.
    location: str = ""
    workers: int = WORKERS
    # Whether the files go to the disk instead of memory.
    is_disk: bool = False
    # More rounds than this would tell nothing more; 0 for no such limit.
    most_rounds: int = 0
    # A tool that is not done by then (in seconds) is ended and has no figures.
    patience: int = 300

    @property
    def sizes(self) -> list[int]:
        return ([self.big] if self.big else []) + [self.size] * self.files

    @property
    def total(self) -> int:
        return sum(self.sizes)

    @property
    def is_paced(self) -> bool:
        return self.group == "paced"

    @property
    def is_measured_once(self) -> bool:
        """Memory does not depend on caches: such a row needs no round that is not counted."""
        return self.group == "memory"

    @property
    def ideal(self) -> float:
        """The seconds that the server alone makes it take; 0 where it does not."""
        if self.is_paced:
            return self.total / (WORKERS * PACE * KIB)
        if self.location == "delay":
            return -(-self.files // self.workers) * DELAY_MS / 1000
        return 0.0

    @property
    def folder(self) -> str:
        """Rows that differ only in how the files come, or in how many, share their sources."""
        return f"s{self.big}-{self.size}" if self.big else f"s{self.size}"

    def in_order(self) -> list[tuple[str, int]]:
        """Returns the names and sizes of the files as the list has them."""
        files = [(f"{number:07}.bin", size) for number, size in enumerate(self.sizes)]
        if self.order == "last":
            files = files[1:] + files[:1]
        elif self.order == "shuffled":
            random.Random(self.name).shuffle(files)
        return files


def size_words(size: int) -> str:
    """Writes a size as a person would."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def all_rows(sizes: Sizes) -> list[Row]:
    """Returns the rows in these sizes."""
    return [
        *transfers(sizes),
        *paced(sizes),
        *others(sizes),
        *memory(sizes),
        *lesson(sizes),
    ]


def transfers(sizes: Sizes) -> list[Row]:
    """Small and large files, by both protocols, to memory and to the disk."""
    rows = []
    for end, is_disk, where in (("", False, ""), ("-disk", True, ", to disk")):
        for scheme in ("http", "https"):
            tail = {"tls": scheme == "https", "is_disk": is_disk}
            small, four = f"{sizes.small_files:,} x 10 KiB", f"4 x {size_words(sizes.four)}"
            rows += [
                Row(f"small-{scheme}{end}", f"{small}, {scheme}{where}", "small",
                    sizes.small_files, 10 * KIB, most_rounds=5 * is_disk, **tail),
                Row(f"four-{scheme}{end}", f"{four}, {scheme}{where}", "large",
                    4, sizes.four, most_rounds=3, **tail),
            ]  # fmt: skip
            if not is_disk:
                one = f"1 x {size_words(sizes.large)}"
                rows.append(
                    Row(f"large-{scheme}", f"{one}, {scheme}", "large", 1, sizes.large, **tail)
                )
    return rows


def paced(sizes: Sizes) -> list[Row]:
    """A server that holds each connection to a rate. It decides how long these rows take."""
    big = size_words(sizes.paced)
    mixed = f"paced: 1 x {big} and {sizes.paced_files} x 1 MiB, the big one"
    places = [("first", "first"), ("last", "last"), ("shuffled", "anywhere")]
    common = {"group": "paced", "most_rounds": 3}
    return [
        Row("paced-one", f"paced: 1 x {big}", files=1, size=sizes.paced,
            location="paced", **common),
        *(
            Row(f"paced-mixed-{order}", f"{mixed} {where}", files=sizes.paced_files, size=MIB,
                big=sizes.paced, order=order, location="paced", **common)
            for order, where in places
        ),
        Row("paced-slow", f"paced: 1 x {big}, one connection 10 x slower", files=1,
            size=sizes.paced, location="slow", **common),
    ]  # fmt: skip


def others(sizes: Sizes) -> list[Row]:
    """Latency, start-up, going on, checking, and a body through a pipe."""
    few, hashed = f"{sizes.delay_files:,} x 10 KiB", f"{sizes.hash_files} x"
    return [
        Row("delay", f"{few}, {DELAY_MS} ms for each answer, {DELAY_WORKERS} at once", "delay",
            sizes.delay_files, 10 * KIB, location="delay", workers=DELAY_WORKERS),
        Row("version", "start-up: `--version`", "start", 0, 0, "version", repeats=20),
        Row("tiny", "start-up: 1 file of 100 B, http", "start", 1, 100, "tiny", repeats=20),
        Row("first-request", f"to the first request, {sizes.lines_some:,} lines", "start",
            sizes.lines_some, 64, "first-request", repeats=3),
        Row("resume", f"the second half of {size_words(sizes.large)}, http", "resume",
            1, sizes.large, "resume"),
        Row("hash", f"{hashed} {size_words(sizes.hash_size)} with SHA-256, http", "hash",
            sizes.hash_files, sizes.hash_size, "hash"),
        Row("stream", f"1 x {size_words(sizes.stream)} through a pipe", "stream",
            1, sizes.stream, "stream"),
    ]  # fmt: skip


def memory(sizes: Sizes) -> list[Row]:
    """Longer and longer lists."""
    common = {"group": "memory", "size": 64, "most_rounds": 1, "patience": 120}
    return [
        *(
            Row(f"memory-{name}", f"{lines:,} files of 64 B", files=lines, **common)
            for name, lines in (
                ("1k", sizes.lines_few),
                ("100k", sizes.lines_some),
                ("200k", sizes.lines_many),
            )
        ),
        Row("memory-1m-there", f"{sizes.lines_there:,} lines, every file is there",
            files=sizes.lines_there, kind="there", **common),
    ]  # fmt: skip


def lesson(sizes: Sizes) -> list[Row]:
    """The same by 1, 2, 4 ... threads or processes: work that waits, and work that computes."""
    counts = [2**power for power in range(sizes.most_threads.bit_length())]
    common = {"group": LESSON}
    waits = f"{sizes.wait_files} x 10 KiB, {DELAY_MS} ms for each answer"
    computes = f"SHA-256 of 64 x {size_words(sizes.compute_size)}"
    pure = f"Adler-32 in Python's own bytecode, 64 x {size_words(sizes.pure_size)}"
    return [
        *(
            Row(f"wait-{n}", f"{waits}, {n} at once", files=sizes.wait_files, size=10 * KIB,
                kind="wait", location="delay", workers=n, most_rounds=3, **common)
            for n in counts
        ),
        *(
            Row(f"compute-{n}", f"{computes}, {n} at once", files=64, size=sizes.compute_size,
                kind="compute", workers=n, **common)
            for n in counts
        ),
        *(
            Row(f"pure-{n}", f"{pure}, {n} at once", files=64, size=sizes.pure_size,
                kind="pure", workers=n, **common)
            for n in counts[:4]
        ),
    ]  # fmt: skip
