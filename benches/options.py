"""The options of the benchmark."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rows import GROUPS, QUICK, Sizes, all_rows
from tools import PEERS

ROOT = Path(__file__).resolve().parent.parent


def size(text: str) -> tuple[str, int]:
    """Reads `NAME=NUMBER`."""
    name, _, number = text.partition("=")
    if name not in Sizes._fields:
        raise argparse.ArgumentTypeError(f"one of {', '.join(Sizes._fields)}")
    return name, int(number)


def parse(description: str) -> argparse.Namespace:
    """Reads the arguments and settles what depends on several."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    names = [row.name for row in all_rows(Sizes())]
    parser = argparse.ArgumentParser(
        description=description.splitlines()[0],
        epilog=f"rows: {', '.join(names)}; sizes: {', '.join(Sizes._fields)}",
    )
    option = parser.add_argument
    option("--rounds", type=int, metavar="N", help="counted rounds (default 7; with --quick 1)")
    option("--quick", action="store_true", help="small sizes: everything in under three minutes")
    option("--only", action="append", choices=names, metavar="ROW", help="do this row (repeatable)")
    option(
        "--group", action="append", choices=GROUPS, metavar="GROUP",
        help=f"do these rows (repeatable): {', '.join(GROUPS)}",
    )  # fmt: skip
    option(
        "--size", action="append", type=size, default=[], metavar="NAME=NUMBER",
        help="change how much work rows are: a number of files, lines, threads or bytes",
    )  # fmt: skip
    option(
        "--haul", type=Path, default=target / "release/haul", metavar="PATH",
        help="the binary to measure",
    )  # fmt: skip
    option(
        "--without", action="append", default=[], choices=PEERS, metavar="TOOL",
        help="leave this peer out (repeatable)",
    )  # fmt: skip
    option("--place", type=Path, metavar="DIR", help="where the files go (default: /dev/shm)")
    option(
        "--disk", type=Path, default=target, metavar="DIR",
        help="where the files of the rows of the disk go (default: target)",
    )  # fmt: skip
    option(
        "--results", type=Path, metavar="DIR",
        help="where the results are written, beside those of other rows that are there (default: "
        "benches/results; with --quick or --size target/bench)",
    )  # fmt: skip
    option("--readme", action="store_true", help="write the tables into README.md and docs too")
    option("--redraw", action="store_true", help="run nothing, and write from the results anew")
    return settle(parser, parser.parse_args(), target)


def settle(parser, arguments: argparse.Namespace, target: Path) -> argparse.Namespace:
    """Fills in what depends on other options."""
    if arguments.rounds is None:
        arguments.rounds = 1 if arguments.quick else 7
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    arguments.sizes = (QUICK if arguments.quick else Sizes())._replace(**dict(arguments.size))
    if arguments.results is None:
        is_whole = arguments.sizes == Sizes()
        arguments.results = ROOT / "benches/results" if is_whole else target / "bench"
    return arguments
