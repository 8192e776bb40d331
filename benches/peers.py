#!/usr/bin/env python3
"""Runs haul, its peers and the floor on the same work, and writes tables and charts of medians.

    cargo build --release && benches/peers.py

Everything happens on the loopback interface: a real nginx of its own configuration (plain, TLS 1.3,
and held to a rate for each connection) and a small server that waits before each answer serve files
from memory (tmpfs where there is one); each tool writes there too, or to the disk. The tools take
turns, so that a slow minute of the machine hits all of them; one round that is not counted goes
first. After every run each file is compared with its source, byte by byte: a number is only given
for work that was done. rows.py has the rows, tools.py the exact commands.

Medians of wall time, processor time (user and system), peak memory and opened connections go to
standard output and, with charts, to benches/results. How many cores others used meanwhile is
measured too, and rows that they may have disturbed are marked.

Needs Linux, Python 3.11, nginx; openssl for the https rows; cargo for the floor and the server that
waits; curl, aria2c, wget2 and axel where they are to be compared. What is not installed is named
and left out. Nothing is left behind but the results.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

# ruff: noqa: E402
import measure
import options
import publish
import results
import servers
import tools
from measure import Contestant, Failed, Sample
from rows import MIB, Row, all_rows
from work import Ground, Work, make_work, room, write_source


def note(text: str) -> None:
    """Tells who waits how far it is."""
    print(f"peers: {text}", file=sys.stderr, flush=True)


def main() -> None:
    arguments = options.parse(__doc__)
    broken = [] if arguments.redraw else run_rows(arguments)
    publish.publish(arguments.results, arguments.readme)
    if broken:
        raise Failed(f"haul did not do its work in: {', '.join(broken)}")


def run_rows(arguments) -> list[str]:
    """Runs the rows, saves each result as soon as it is there, and returns where haul failed."""
    # A stray setting of a proxy would send the loopback requests elsewhere.
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    environment["PATH"] = os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    nginx, openssl = shutil.which("nginx"), shutil.which("openssl")
    if not nginx:
        raise Failed("nginx is needed and not installed")
    found = tools.find_tools(arguments.haul, arguments.without, note)
    shared_memory = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
    place = arguments.place or shared_memory or Path(tempfile.gettempdir())
    disk = disk_folder(arguments.disk)
    rows = chosen_rows(arguments, bool(openssl), "delay" in found, place, disk)

    measure.adopt_orphans()
    # An ordinary end for SIGTERM too, so that the folders go and the servers stop.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(temporary(place)))
        on_disk = disk and Path(stack.enter_context(temporary(disk)))
        (folder / "www").mkdir()
        certificates = servers.make_certificates(openssl, folder) if openssl else None
        ca = certificates and certificates[0]
        environment["SSL_CERT_FILE"] = str(ca)
        # The peers are given one authority too.
        environment.pop("SSL_CERT_DIR", None)
        write_source(folder / "www" / "pace.bin", 0, 8 * MIB)
        listening = stack.enter_context(
            servers.start(nginx, found.get("delay"), folder, certificates and certificates[1:])
        )
        ground = Ground(folder, on_disk, listening, ca, found, environment)
        about = {"machine": results.machine(), "versions": tools.versions(found, nginx)}
        about["memory"] = "tmpfs" if is_tmpfs(place) else "disk"
        broken = []
        for row in rows:
            kept = {**measure_row(row, ground, arguments.rounds), **about}
            broken += [row.name] * any(name.startswith("haul") for name in kept["failures"])
            everything = results.load(arguments.results)
            everything["rows"][row.name] = kept
            results.save(arguments.results, everything)
    return broken


def temporary(place: Path) -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="haul-peers-", dir=place)


def is_tmpfs(folder: Path) -> bool:
    done = subprocess.run(
        ["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip() == "tmpfs"


def disk_folder(wanted: Path) -> Path | None:
    """Returns a folder on a disk, if there is one."""
    wanted.mkdir(parents=True, exist_ok=True)
    if is_tmpfs(wanted):
        note(f"{wanted} is in memory: the rows of the disk are left out (see --disk)")
        return None
    return wanted


def chosen_rows(arguments, has_tls: bool, has_delay: bool, place: Path, disk) -> list[Row]:
    """Returns the rows to do; says which cannot be done."""
    rows = all_rows(arguments.sizes)
    if arguments.only or arguments.group:
        rows = [
            row
            for row in rows
            if row.name in (arguments.only or []) or row.group in (arguments.group or [])
        ]

    def keep(rows: list[Row], is_fine, reason: str) -> list[Row]:
        missing = [row.name for row in rows if not is_fine(row)]
        if missing:
            note(f"{reason}: left out: {', '.join(missing)}")
        return [row for row in rows if is_fine(row)]

    rows = keep(rows, lambda row: has_tls or not row.tls, "openssl is not installed")
    rows = keep(rows, lambda row: has_delay or row.location != "delay", "no server that waits")
    rows = keep(rows, lambda row: disk or not row.is_disk, "no disk")
    if not rows:
        raise Failed("nothing to do")
    for folder, is_disk in ((place, False), (disk, True)):
        needed = room(rows, is_disk)
        free = shutil.disk_usage(folder).free if folder else needed
        if free < needed:
            text = f"{free // MIB} MiB are free and {needed // MIB} MiB needed"
            raise Failed(f"{folder}: {text} (see --place, --disk and --only)")
    return rows


def measure_row(row: Row, ground: Ground, rounds: int) -> dict:
    """Runs all contestants of a row in turns and returns what is kept of it."""
    rounds = min(rounds, row.most_rounds or rounds)
    work = make_work(row, ground)
    try:
        work.prepare()
        others = measure.Others(ground.servers.pids)
        samples, failures, left_out = take_turns(work, rounds)
        kept = results.of_row(row, samples, failures, left_out, others.cores())
        if row.is_paced:
            kept["pace"] = round(ground.servers.pace())
        return kept
    finally:
        work.clean()


def take_turns(work: Work, rounds: int) -> tuple[dict, dict, dict]:
    """Returns the samples of every contestant, who failed and why, and who was not asked."""
    entrants, left_out = tools.contestants(work)
    samples: dict[str, list[Sample]] = {name: [] for name in entrants}
    failures: dict[str, str] = {}
    order = list(entrants)
    # With one round the machine's caches matter less than the time.
    is_warm = rounds > 1 and not work.row.is_measured_once
    for number in range(0 if is_warm else 1, rounds + 1):
        for name in [name for name in order if name not in failures]:
            try:
                for _ in range(work.row.repeats):
                    sample = run_once(work, name, entrants[name])
                    if number > 0:
                        samples[name].append(sample)
            except Failed as failure:
                failures[name] = str(failure)
                note(f"{work.row.name}: {name}: {failure}")
        # Who goes first finds other caches than who goes last.
        order = order[1:] + order[:1]
        note(f"{work.row.name}: {f'round {number} of {rounds}' if number else 'warm-up'}")
    for name, entrant in entrants.items():
        if entrant.is_tree and name not in failures:
            sample = run_once(work, name, entrant, watch=True)
            samples[name] = [one._replace(rss=sample.rss) for one in samples[name]]
    samples = {name: runs for name, runs in samples.items() if name not in failures}
    return samples, failures, left_out


def run_once(work: Work, name: str, entrant: Contestant, watch: bool = False) -> Sample:
    """Runs a contestant, checks what it did, and returns what that took."""
    row, ground = work.row, work.ground
    work.reset(name)
    before = ground.servers.accepted(row)
    opened = ground.servers.line_up() if row.location == "slow" else 0
    sample = measure.run(
        entrant,
        ground.environment,
        row.patience,
        listener=work.listener,
        printed=work.printed if entrant.prints_sums else None,
        watch=watch,
    )
    # The question itself takes a connection.
    connections = ground.servers.accepted(row) - before - opened - 1
    work.check(entrant)
    return sample._replace(connections=connections)


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit("peers: Python 3.11 or newer is needed")
    try:
        main()
    except Failed as failure:
        sys.exit(f"peers: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
