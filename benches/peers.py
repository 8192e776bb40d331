#!/usr/bin/env python3
"""Runs haul, curl, aria2 and axel on the same downloads and prints Markdown tables of medians.

    cargo build --release && benches/peers.py

Everything happens on the loopback interface: a real nginx of its own configuration (plain and TLS
1.3) serves files from memory (tmpfs where there is one), and each tool writes to the same place.
The tools take turns, so that a slow minute of the machine hits all of them; one round that is not
counted goes first. After every run each file is compared with its source, byte by byte, and a file
too many or too few ends the benchmark: a number is only printed for work that was done.

With `--paced` the server holds each connection to a rate, as many servers do, so that what counts
is how many connections work at once until the end. The wall time is compared with the ideal, all
bytes at the rate of all workers, and the connections that each tool opened are counted in the
server's log. With `--stream` one body goes through a pipe.

Needs Linux, Python 3.9, nginx; openssl for the https rows; curl, aria2c and axel where they are to
be compared. What is not installed is named and left out. Nothing is left behind.
"""

import argparse
import contextlib
import ctypes
import os
import platform
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

WORKERS = 8
KIB, MIB, GIB = 1024, 1024**2, 1024**3
# Start-up takes about a millisecond: one run of it is mostly noise.
STARTUP_REPEATS = 20
RUN_TIMEOUT = 300
# What the server gives each connection of a paced row, in KiB a second. nginx pauses after each
# piece for as many whole milliseconds as it should have taken: at 4000 KiB/s 64 KiB take 16. So the
# flow is even from the first byte on. Without the pieces a connection would begin with a whole
# second's worth, and a file of 1 MiB would come at once.
PACE, PIECE = 4000, 64
# In the row with a slow connection the third one of a run is, and each eighth after it.
SLOW_PACE, SLOW_EVERY, SLOW_FIRST = PACE // 10, 8, 3
# The server decides how long these rows take: more rounds would tell nothing more.
PACED_ROUNDS = 3
# Load average over a minute above which others take time that is measured here.
BUSY = 0.5

# Forked from a shell because a forked Python would lend its own size to the child: the kernel keeps
# the largest memory of a process over exec. The shell dies before the run, which makes the run this
# process's child (see `adopt_orphans`), so that wait4 tells its own CPU time and memory and nobody
# else's. It waits for a line so that the clock starts after the fork. Descriptor 4 is where its
# standard output goes.
LAUNCH = '{ read -r _ <&3; exec "$@" </dev/null >&4 3<&- 4>&-; } & echo $!'


class Row(NamedTuple):
    """One line of work that all tools do."""

    name: str
    title: str
    files: int
    size: int
    tls: bool = False
    repeats: int = 1
    # Empty, or the option without which it is not done.
    group: str = ""
    # The size of one more file.
    big: int = 0
    # Where that stands in the list.
    order: str = "first"
    # The part of the server that it is served from.
    location: str = ""

    @property
    def sizes(self):
        return ([self.big] if self.big else []) + [self.size] * self.files

    @property
    def total(self):
        return sum(self.sizes)

    @property
    def is_paced(self):
        return self.group == "paced"


ROWS = [
    Row("small-http", "10,000 x 10 KiB, http", 10_000, 10 * KIB),
    Row("small-https", "10,000 x 10 KiB, https", 10_000, 10 * KIB, tls=True),
    Row("large-http", "1 x 1 GiB, http", 1, GIB),
    Row("large-https", "1 x 1 GiB, https", 1, GIB, tls=True),
    Row("four-http", "4 x 1 GiB, http", 4, GIB, group="big"),
    Row("four-https", "4 x 1 GiB, https", 4, GIB, tls=True, group="big"),
    Row("version", "start-up: `--version`", 0, 0, repeats=STARTUP_REPEATS),
    Row("tiny", "start-up: 1 file of 100 B, http", 1, 100, repeats=STARTUP_REPEATS),
    Row("paced-one", "1 x 64 MiB", 1, 64 * MIB, group="paced", location="paced/"),
    *(
        Row(
            f"paced-mixed-{order}",
            f"1 x 64 MiB and 64 x 1 MiB, the big one {where}",
            64,
            MIB,
            group="paced",
            big=64 * MIB,
            order=order,
            location="paced/",
        )
        for order, where in [("first", "first"), ("last", "last"), ("shuffled", "anywhere")]
    ),
    Row(
        "paced-slow",
        "1 x 64 MiB, one connection 10 x slower",
        1,
        64 * MIB,
        group="paced",
        location="slow/",
    ),
    Row("stream", "1 x 2 GiB, http", 1, 2 * GIB, group="stream"),
]


class Sample(NamedTuple):
    """What one run took."""

    wall: float
    cpu: float
    rss: float
    connections: int = 0


class Contestant(NamedTuple):
    """A tool with the settings that a row gives it."""

    command: list
    # Whether the body comes out of it, and goes through a pipe to a reader that drops it.
    is_piped: bool = False


class Failed(Exception):
    """The benchmark cannot go on."""


class Work:
    """One row made concrete: where the sources lie, which URLs lead to them, where they go."""

    def __init__(self, row, folder, ports, ca):
        self.row = row
        self.folder = folder / row.name
        self.out = folder / "out"
        self.log = folder / "connections.log"
        self.ca = ca
        self.origin = f"https://localhost:{ports[1]}" if row.tls else f"http://127.0.0.1:{ports[0]}"
        self.sizes = dict(in_order(row))
        self.names = list(self.sizes)
        location = f"{row.location}{source_folder(row)}"
        self.urls = [f"{self.origin}/{location}/{name}" for name in self.names]
        self.sources = [folder / "www" / source_folder(row) / name for name in self.names]
        self.list = self.folder / "list.txt"
        self.curl_config = self.folder / "curl.txt"

    def prepare(self):
        """Writes the lists, and the sources unless another row has made them."""
        self.folder.mkdir()
        self.list.write_text("".join(f"{url}\n" for url in self.urls))
        self.curl_config.write_text(
            "".join(
                f'url = "{url}"\noutput = "{self.out / name}"\n'
                for url, name in zip(self.urls, self.names)
            )
        )
        for source in self.sources:
            source.parent.mkdir(parents=True, exist_ok=True)
            if not source.exists():
                write_source(source, int(source.stem), self.sizes[source.name])

    def clear(self):
        """Empties the folder that the tools write to."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()

    def check(self):
        """Ends the benchmark unless exactly the sources have arrived."""
        found = sorted(os.listdir(self.out))
        if found != sorted(self.names):
            stray = sorted(set(found) ^ set(self.names))[:3]
            raise Failed(f"{len(found)} of {len(self.names)} files; wrong: {', '.join(stray)}")
        for name, source in zip(self.names, self.sources):
            if not same_bytes(source, self.out / name):
                raise Failed(f"{name} holds other bytes than its source")


def source_folder(row):
    """Rows that differ only in the protocol or in how many files they take share their sources."""
    return f"s{row.big}-{row.size}" if row.big else f"s{row.size}"


def in_order(row):
    """Returns the names and sizes of a row's files as the list has them."""
    files = [(f"{number:05}.bin", size) for number, size in enumerate(row.sizes)]
    if row.order == "last":
        files = files[1:] + files[:1]
    elif row.order == "shuffled":
        random.Random(row.name).shuffle(files)
    return files


def write_source(path, number, size):
    """Writes bytes in which a lost, doubled or misplaced block, or another file's block, shows."""
    pattern = os.urandom(min(size, MIB))
    with open(path, "wb") as file:
        for block in range(0, size, MIB):
            stamp = number.to_bytes(8, "big") + block.to_bytes(8, "big")
            file.write((stamp + pattern)[: min(size - block, MIB)])


def same_bytes(one, other):
    """Returns whether two files are equal. (`filecmp` may answer from a cache.)"""
    with open(one, "rb", buffering=0) as a, open(other, "rb", buffering=0) as b:
        while True:
            left, right = a.read(MIB), b.read(MIB)
            if left != right:
                return False
            if not left:
                return True


def haul_command(haul, work):
    if not work.row.files:
        return [haul, "--version"]
    common = [haul, "-q", "-d", str(work.out)]
    if work.row.name == "tiny":
        return common + work.urls
    return common + [f"-j{WORKERS}", "-i", str(work.list)]


def curl_command(curl, work):
    # -q: not the settings of whoever runs this.
    if not work.row.files:
        return [curl, "-q", "--version"]
    common = [curl, "-q", "-sS", "-f", "--no-progress-meter", "--cacert", str(work.ca)]
    if work.row.name == "tiny":
        return common + ["-o", str(work.out / work.names[0]), work.urls[0]]
    parallel = ["-Z", "--parallel-max", str(WORKERS), "--parallel-immediate"]
    return common + parallel + ["-K", str(work.curl_config)]


def aria2c_command(aria2c, work):
    if not work.row.files:
        return [aria2c, "--no-conf", "--version"]
    common = [aria2c, "--no-conf", "-q", "-d", str(work.out), "--file-allocation=none"]
    common += ["--allow-overwrite=true", f"--ca-certificate={work.ca}"]
    # It has no limit for all files together: several connections a file can be more than the others
    # have for all.
    common += [f"-x{WORKERS}", f"-s{WORKERS}", "-k1M"] if work.row.is_paced else ["-x1", "-s1"]
    if work.row.name == "tiny":
        return common + work.urls
    return common + [f"-j{WORKERS}", "-i", str(work.list)]


def axel_command(axel, work):
    return [axel, "-q", f"-n{WORKERS}", "-o", str(work.out / work.names[0]), work.urls[0]]


COMMANDS = {
    "haul": haul_command,
    "curl": curl_command,
    "aria2c": aria2c_command,
    "axel": axel_command,
}


def contestants(work, tools):
    """Returns who does the row, by what the table calls them."""
    row = work.row
    if row.group == "stream":
        haul = [tools["haul"], "-q", f"-j{WORKERS}"]
        found = {
            "haul, to a pipe": Contestant(haul + ["-o", "-", *work.urls], is_piped=True),
            "haul, 1 worker, to a file": Contestant(
                [tools["haul"], "-q", "-j1", "-d", str(work.out), *work.urls]
            ),
        }
        if "curl" in tools:
            curl = [tools["curl"], "-q", "-sS", "-f"]
            found["curl, to a pipe"] = Contestant(curl + work.urls, is_piped=True)
            to_file = ["-o", str(work.out / work.names[0])]
            found["curl, to a file"] = Contestant(curl + to_file + work.urls)
        return found
    # axel takes one file, and is here for its connections.
    takes_part = {tool: tool != "axel" or (row.is_paced and not row.big) for tool in tools}
    return {
        tool: Contestant(COMMANDS[tool](program, work))
        for tool, program in tools.items()
        if takes_part[tool]
    }


def adopt_orphans():
    """Makes this process the parent of what its shells leave behind (PR_SET_CHILD_SUBREAPER)."""
    if ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0) != 0:
        raise Failed(f"prctl: {os.strerror(ctypes.get_errno())}")


def too_long(*_):
    raise Failed(f"no end after {RUN_TIMEOUT} s")


def run(command, environment, is_piped=False):
    """Runs `command` to its end and returns what it took."""
    read_end, write_end = os.pipe()
    with tempfile.TemporaryFile() as errors, output(is_piped) as (target, reader):
        # The pipe is the shell's descriptor 3.
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
        # A tool that hangs must not hang the benchmark.
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(RUN_TIMEOUT)
        try:
            begin = time.perf_counter()
            os.write(write_end, b"\n")
            os.close(write_end)
            _, status, usage = os.wait4(pid, 0)
            if reader:
                reader.wait()
            wall = time.perf_counter() - begin
        except BaseException:
            # An interrupted benchmark must not leave a tool that writes into a folder that goes.
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                os.wait4(pid, 0)
            raise
        finally:
            signal.alarm(0)
        if status != 0:
            errors.seek(0)
            text = errors.read(2000).decode(errors="replace").strip()
            code = os.waitstatus_to_exitcode(status)
            raise Failed(f"`{' '.join(command)[:200]}` ended with {code}: {text}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@contextlib.contextmanager
def output(is_piped):
    """Gives the descriptor for a tool's standard output, and who reads it, if somebody does."""
    if not is_piped:
        yield os.open(os.devnull, os.O_WRONLY), None
        return
    read_end, write_end = os.pipe()
    reader = subprocess.Popen(["cat"], stdin=read_end, stdout=subprocess.DEVNULL)
    os.close(read_end)
    try:
        yield write_end, reader
    finally:
        reader.kill()
        reader.wait()


def check_stream(command, source, environment):
    """Ends the benchmark unless exactly the source comes out of `command`."""
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


def measure(work, tools, rounds, environment):
    """Returns the samples of every contestant, all taking turns."""
    entrants = contestants(work, tools)
    samples = {name: [] for name in entrants}
    order = list(entrants)
    for number in range(rounds + 1):
        for name in order:
            for _ in range(work.row.repeats):
                work.clear()
                try:
                    sample = run_once(work, entrants[name], environment)
                except Failed as failure:
                    raise Failed(f"{work.row.name}, {name}: {failure}") from None
                if number > 0:
                    samples[name].append(sample)
        # Who goes first finds other caches than who goes last.
        order = order[1:] + order[:1]
        note(f"{work.row.name}: {'warm-up' if number == 0 else f'round {number} of {rounds}'}")
    return samples


def run_once(work, entrant, environment):
    """Runs a contestant, checks what it did, and returns what that took."""
    if work.row.location == "slow/":
        line_up(work.origin)
    if work.row.is_paced:
        os.truncate(work.log, 0)
    sample = run(entrant.command, environment, entrant.is_piped)
    if work.row.is_paced:
        sample = sample._replace(connections=count_connections(work.log))
    if entrant.is_piped:
        # Not while the clock runs: the reader would be what is measured.
        check_stream(entrant.command, work.sources[0], environment)
    else:
        work.check()
    return sample


def line_up(origin):
    """Opens connections until the one that is to be slow is next but a few."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(SLOW_EVERY):
        with direct.open(f"{origin}/connection") as response:
            if (int(response.read()) + SLOW_FIRST) % SLOW_EVERY == 0:
                return
    raise Failed("the server does not count its connections one by one")


def measured_pace(origin):
    """Returns what a connection of a paced row gets, in KiB a second."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    begin = time.perf_counter()
    with direct.open(f"{origin}/paced/pace.bin") as response:
        size = len(response.read())
    # The last piece is not waited for.
    return (size / KIB - PIECE) / (time.perf_counter() - begin)


def count_connections(log):
    """Returns how many connections the server has taken for the last run."""
    # A request that was given up is written down when the server finds out.
    size, since = -1, time.monotonic()
    while time.monotonic() - since < 0.4:
        time.sleep(0.05)
        if os.path.getsize(log) != size:
            size, since = os.path.getsize(log), time.monotonic()
    return len(set(log.read_text().split()))


def medians_of(samples):
    """Returns the median of each column for each contestant."""
    return {
        name: Sample(*(statistics.median(column) for column in zip(*runs)))
        for name, runs in samples.items()
    }


def spread(runs):
    """Returns the least and the largest wall time."""
    walls = [sample.wall for sample in runs]
    return f"{min(walls):.3f} to {max(walls):.3f}"


def paced_table(row, samples):
    """Returns the row's lines of the table for servers that hold connections to a rate."""
    ideal = row.total / (WORKERS * PACE * KIB)
    return [
        line(
            row.title,
            name,
            f"{median.wall:.3f}",
            spread(samples[name]),
            f"{median.wall / ideal:.3f}",
            f"{median.connections:g}",
            f"{median.cpu:.3f}",
            f"{median.rss:.1f}",
        )
        for name, median in medians_of(samples).items()
    ]


def stream_table(row, samples):
    """Returns the row's lines of the table for bodies that go through a pipe."""
    return [
        line(
            row.title,
            name,
            f"{median.wall:.3f}",
            spread(samples[name]),
            f"{median.cpu:.3f}",
            f"{median.rss:.1f}",
            f"{row.total / MIB / median.wall:,.0f} MiB/s",
        )
        for name, median in medians_of(samples).items()
    ]


def line(*cells):
    return "| " + " | ".join(cells) + " |"


def table(row, samples):
    """Returns the row's lines of the table."""
    medians = medians_of(samples)
    peers = [median for tool, median in medians.items() if tool != "haul"]
    lines = []
    for tool, median in medians.items():
        walls = [sample.wall for sample in samples[tool]]
        if row.size >= MIB:
            rate = f"{row.total / MIB / median.wall:,.0f} MiB/s"
        elif row.files > 1:
            rate = f"{row.files / median.wall:,.0f} files/s"
        else:
            rate = ""
        versus = ["", ""]
        if peers:
            best_wall, best_cpu = min(p.wall for p in peers), min(p.cpu for p in peers)
            versus = [f"{median.wall / best_wall:.2f}", f"{median.cpu / best_cpu:.2f}"]
        digits = 4 if row.repeats > 1 else 3
        cells = [
            row.title,
            tool,
            f"{median.wall:.{digits}f}",
            f"{min(walls):.{digits}f} to {max(walls):.{digits}f}",
            f"{median.cpu:.{digits}f}",
            f"{median.rss:.1f}",
            rate,
            *versus,
        ]
        lines.append(line(*cells))
    return lines


def header(*numbers):
    """Returns the head of a table with these columns behind the work and the tool."""
    rules = ["---"] * 2 + ["---:"] * len(numbers)
    return [line("work", "tool", *numbers), line(*rules)]


WALL, COST = ["wall s", "(min to max)"], ["CPU s", "peak MiB"]
PEERS_HEADER = header(*WALL, *COST, "rate", "wall / best peer", "CPU / best peer")
PACED_HEADER = header(*WALL, "wall / ideal", "connections", *COST)
STREAM_HEADER = header(*WALL, *COST, "rate")
# How the rows of a group are shown.
TABLES = {"paced": (PACED_HEADER, paced_table), "stream": (STREAM_HEADER, stream_table)}


@contextlib.contextmanager
def nginx(program, folder, ports, certificate):
    """Serves `folder/www` on the loopback interface."""
    tls = ""
    if certificate:
        tls = f"""
        listen 127.0.0.1:{ports[1]} ssl;
        ssl_protocols TLSv1.3;
        ssl_certificate {certificate[0]};
        ssl_certificate_key {certificate[1]};
        ssl_session_cache shared:all:1m;"""
    # A connection's number modulo 8 shows in its last three digits.
    slow = "|".join(f"{number:03}" for number in range(0, 1000, SLOW_EVERY))
    low = "|".join(f"{number}" for number in range(0, 100, SLOW_EVERY))
    # Started by root, nginx would read the files as somebody who may not.
    user = "user root;" if os.geteuid() == 0 else ""
    temp = "\n    ".join(
        f"{kind}_temp_path {folder / kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"""
daemon off;
{user}
pid {folder / "nginx.pid"};
error_log {folder / "nginx.log"};
worker_processes auto;
events {{ worker_connections 512; }}
http {{
    {temp}
    access_log off;
    log_format connections $connection;
    map $connection $pace {{
        default {PACE}k;
        "~^({low}|[0-9]*({slow}))$" {SLOW_PACE}k;
    }}
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{ports[0]};{tls}
        root {folder / "www"};
        location = /connection {{ return 200 $connection; }}
        location /paced/ {{
            alias {folder / "www"}/;
            access_log {folder / "connections.log"} connections;
            limit_rate {PACE}k;
            sendfile_max_chunk {PIECE}k;
        }}
        location /slow/ {{
            alias {folder / "www"}/;
            access_log {folder / "connections.log"} connections;
            limit_rate $pace;
            sendfile_max_chunk {PIECE}k;
        }}
    }}
}}
"""
    )
    server = subprocess.Popen(
        [program, "-c", str(config), "-p", str(folder), "-e", str(folder / "nginx.log")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # An interrupt is the benchmark's affair, which then ends its server.
        start_new_session=True,
    )
    try:
        for port in ports if certificate else ports[:1]:
            wait_for(port, server, folder / "nginx.log")
        yield
    finally:
        server.terminate()
        server.wait()


def wait_for(port, server, log):
    """Returns when somebody listens on `port`."""
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if server.poll() is not None:
            break
        time.sleep(0.01)
    raise Failed(f"nginx does not listen: {log.read_text() if log.exists() else 'no log'}")


def free_ports():
    """Returns two ports that nobody listens on now."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def make_certificates(openssl, folder):
    """Makes a CA and a certificate for `localhost`; returns CA, certificate and key."""
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    leaf, leaf_key, request = folder / "leaf.pem", folder / "leaf.key", folder / "leaf.csr"
    extensions = folder / "leaf.ext"
    extensions.write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for arguments in [
        ["req", "-x509", *key, "-keyout", ca_key, "-out", ca, "-subj", "/CN=haul benchmark CA"],
        ["req", *key, "-keyout", leaf_key, "-out", request, "-subj", "/CN=localhost"],
        ["x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial"]
        + ["-out", leaf, "-days", "2", "-extfile", extensions],
    ]:
        done = subprocess.run([openssl, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"openssl: {done.stderr.strip()}")
    return ca, leaf, leaf_key


def find_tools(arguments, rows):
    """Returns the tools that are installed, by name; says which are not."""
    haul = Path(arguments.haul).resolve()
    if not haul.is_file():
        raise Failed(f"{arguments.haul} is not there: `cargo build --release` makes it")
    tools = {"haul": str(haul)}
    for name in ("curl", "aria2c", "axel"):
        if name in arguments.without or (name == "axel" and not any(row.is_paced for row in rows)):
            continue
        path = shutil.which(name)
        if path:
            tools[name] = path
        else:
            note(f"{name} is not installed and left out")
    return tools


def describe(tools, nginx_program, arguments, place):
    """Returns a line on what was measured where."""
    versions = []
    for name, program in {**tools, "nginx": nginx_program}.items():
        flag = "-v" if name == "nginx" else "--version"
        done = subprocess.run([program, flag], capture_output=True, text=True)
        number = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
        versions.append(f"{name} {number.group() if number else '?'}")
    kernel = ".".join(platform.release().split(".")[:2])
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), Linux {kernel}; "
        f"{', '.join(versions)}; {WORKERS} workers; server and client share the machine, "
        f"files on {place}; medians of {arguments.rounds} rounds "
        f"(start-up: of {arguments.rounds * STARTUP_REPEATS} runs)."
    )


def rounds_for(row, arguments):
    return min(arguments.rounds, PACED_ROUNDS) if row.is_paced else arguments.rounds


def explain(group, arguments, origin):
    """Returns what has to be known of a group's table."""
    if group == "paced":
        return (
            f"The server gives each connection {PACE} KiB/s, without bursts (measured: "
            f"{measured_pace(origin):.0f}); the ideal is all bytes at {WORKERS} times that. "
            "Slower: the third connection of a run, and each eighth after it. "
            f"Medians of {min(arguments.rounds, PACED_ROUNDS)} rounds."
        )
    return "The pipe's other end is `cat > /dev/null`, and its time counts too."


def bytes_needed(rows):
    """Returns the largest room that sources and copies take together."""
    sources = {}
    for row in rows:
        folder = source_folder(row)
        sources[folder] = max(sources.get(folder, 0), row.total)
    return sum(sources.values()) + max(row.total for row in rows)


def note(text):
    """Tells who waits how far it is."""
    print(f"peers: {text}", file=sys.stderr, flush=True)


def parse_arguments():
    root = Path(__file__).resolve().parent.parent
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(
        description="Compare haul with its peers on loopback; see the top of this file.",
        epilog=f"rows: {', '.join(names)}",
    )
    option = parser.add_argument
    option("--rounds", type=int, default=7, metavar="N", help="counted rounds (default 7)")
    option("--only", action="append", choices=names, metavar="ROW", help="do this row (repeatable)")
    option("--big", action="store_true", help="also the rows of 4 x 1 GiB (8 GiB of room)")
    option("--paced", action="store_true", help="also the rows with a fixed rate (ten minutes)")
    option("--stream", action="store_true", help="also the row of a body to a pipe (5 GiB of room)")
    option("--haul", default=target / "release/haul", metavar="PATH", help="the binary to measure")
    option(
        "--without",
        action="append",
        default=[],
        choices=["curl", "aria2c", "axel"],
        metavar="TOOL",
        help="leave this peer out (repeatable)",
    )
    option("--place", metavar="DIR", help="where the files go (default: /dev/shm if it is there)")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    return arguments


def chosen_rows(arguments, openssl):
    """Returns the rows to do; says which cannot be done."""
    if arguments.only:
        rows = [row for row in ROWS if row.name in arguments.only]
    else:
        rows = [row for row in ROWS if not row.group or getattr(arguments, row.group)]
    if not openssl and any(row.tls for row in rows):
        note("openssl is not installed: the https rows are left out")
        rows = [row for row in rows if not row.tls]
    if not rows:
        raise Failed("nothing to do")
    return rows


def main():
    arguments = parse_arguments()
    # A stray setting of a proxy would send the loopback requests elsewhere.
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    environment["PATH"] = os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    nginx_program, openssl = shutil.which("nginx"), shutil.which("openssl")
    if not nginx_program:
        raise Failed("nginx is needed and not installed")
    rows = chosen_rows(arguments, openssl)
    tools = find_tools(arguments, rows)
    shared_memory = os.access("/dev/shm", os.W_OK)
    place = arguments.place or ("/dev/shm" if shared_memory else tempfile.gettempdir())
    needed, free = bytes_needed(rows), shutil.disk_usage(place).free
    if free < needed:
        room = f"{free // MIB} MiB are free and {needed // MIB} MiB needed"
        raise Failed(f"{place}: {room} (see `--place` and `--only`)")

    load = os.getloadavg()[0]
    if load > BUSY:
        note(f"the machine is busy (load {load:.1f}): expect times that are too long")
    adopt_orphans()
    # An ordinary end for SIGTERM too, so that the folder goes and the server stops.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="haul-peers-", dir=place) as name:
        folder = Path(name)
        (folder / "www").mkdir()
        ports = free_ports()
        certificates = make_certificates(openssl, folder) if openssl else None
        ca = certificates[0] if certificates else "none"
        environment["SSL_CERT_FILE"] = str(ca)
        write_source(folder / "www" / "pace.bin", 0, 8 * MIB)
        tables, notes = {}, {}
        with nginx(nginx_program, folder, ports, certificates and certificates[1:]):
            for row in rows:
                work = Work(row, folder, ports, ca)
                work.prepare()
                samples = measure(work, tools, rounds_for(row, arguments), environment)
                head, show = TABLES.get(row.group, (PEERS_HEADER, table))
                name = row.group if row.group in TABLES else ""
                tables.setdefault(name, list(head)).extend(show(row, samples))
            for group in filter(None, tables):
                notes[group] = explain(group, arguments, f"http://127.0.0.1:{ports[0]}")
        where = "tmpfs" if place == "/dev/shm" else "disk"
        print(describe(tools, nginx_program, arguments, where))
        for group, lines in tables.items():
            print("", *([notes[group], ""] if group else []), *lines, sep="\n")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"peers: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
