"""Writes the results as Markdown and charts, and into the README and docs/threads.md."""

from __future__ import annotations

from pathlib import Path

import chart_peers
import chart_threads
import results
import table
from measure import Failed

ROOT = Path(__file__).resolve().parent.parent


def publish(folder: Path, with_readme: bool) -> None:
    """Writes all that can be made of `results.json`, and prints the tables."""
    rows = results.load(folder)["rows"]
    if not rows:
        raise Failed(f"{folder} has no results")
    text = table.full(rows)
    (folder / "results.md").write_text(text)
    (folder / "peers.svg").write_text(chart_peers.draw(rows))
    (folder / "threads.svg").write_text(chart_threads.draw(rows))
    print(text)
    if with_readme:
        replace(ROOT / "README.md", "benchmark", table.summary(rows))
        replace(ROOT / "docs/threads.md", "measured", table.lesson(rows))


def replace(path: Path, name: str, text: str) -> None:
    """Writes `text` between the marks that a page has for it."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    page = path.read_text()
    head, found, rest = page.partition(begin)
    tail = rest.partition(end)[2]
    if not found or not tail:
        raise Failed(f"{path} has no {begin.strip()} ... {end}")
    path.write_text(f"{head}{begin}{text.rstrip()}\n{end}{tail}")
