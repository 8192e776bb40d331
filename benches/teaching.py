#!/usr/bin/env python3
"""Does a list of work as courses teach it: in turn, by threads and a queue, by a pool of processes.

    teaching.py METHOD COUNT WORK LIST DIR

METHOD is `sequence`, `threads` or `processes`. WORK says what is done with each line of LIST:
`fetch` downloads a URL into DIR; `sha256` and `pure` compute a sum of a file and print it. The
benchmark measures this beside haul; docs/threads.md explains what comes of it.
"""

import hashlib
import multiprocessing
import queue
import sys
import threading
import urllib.request
from pathlib import Path

# No proxy for the loopback interface.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url: str, folder: str) -> str:
    """Downloads `url` into `folder`. This waits for the network, and waiting gives up the lock."""
    name = url.rsplit("/", 1)[1]
    with OPENER.open(url) as response:
        Path(folder, name).write_bytes(response.read())
    return name


def sha256(path: str, _folder: str) -> str:
    """Computes in C, which gives up the interpreter's lock while it does so."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1024 * 1024):
            digest.update(piece)
    return digest.hexdigest()


def pure(path: str, _folder: str) -> str:
    """Computes Adler-32 in Python itself, which holds the interpreter's lock all the time."""
    low, high = 1, 0
    for byte in Path(path).read_bytes():
        low = (low + byte) % 65521
        high = (high + low) % 65521
    return f"{high << 16 | low:08x}"


WORK = {"fetch": fetch, "sha256": sha256, "pure": pure}


def in_sequence(work, items, folder):
    """One after the other."""
    return [work(item, folder) for item in items]


def by_threads(count, work, items, folder):
    """Threads share one bounded queue; `None` says that no more comes; `join` waits for all."""
    jobs, results = queue.Queue(maxsize=2 * count), []

    def worker():
        while (item := jobs.get()) is not None:
            results.append(work(item, folder))

    threads = [threading.Thread(target=worker) for _ in range(count)]
    for thread in threads:
        thread.start()
    for item in items:
        jobs.put(item)
    for _ in threads:
        jobs.put(None)
    for thread in threads:
        thread.join()
    return results


def by_processes(count, work, items, folder):
    """Processes share nothing: each item and each result is pickled and goes through a pipe."""
    with multiprocessing.Pool(count) as pool:
        return pool.starmap(work, [(item, folder) for item in items], chunksize=1)


def main():
    method, count, work, source, folder = sys.argv[1:]
    count, work, items = int(count), WORK[work], Path(source).read_text().split()
    if method == "sequence":
        results = in_sequence(work, items, folder)
    elif method == "threads":
        results = by_threads(count, work, items, folder)
    else:
        results = by_processes(count, work, items, folder)
    if work is not fetch:
        print("\n".join(results))


if __name__ == "__main__":
    main()
