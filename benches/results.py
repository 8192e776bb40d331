"""What the runs gave: medians in a JSON file, to which later runs of single rows are added."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
from pathlib import Path

from measure import Sample
from rows import GIB, GROUPS, MIB, Row

# Cores that others took on average, from which on a row counts as noisy.
NOISY = 0.2
# These are not peers: haul itself, and what has nothing to do beside reading and writing.
OURS = ("haul", "floor")


def machine() -> str:
    """Returns what is known of the machine."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{os.cpu_count()} cores ({model}, {platform.machine()}), Linux {kernel}"


def of_row(
    row: Row,
    samples: dict[str, list[Sample]],
    failures: dict[str, str],
    left_out: dict[str, str],
    others: float,
) -> dict:
    """Returns what is kept of a row."""
    return {
        "title": row.title,
        "group": row.group,
        "workers": row.workers,
        "files": row.files + bool(row.big),
        "bytes": row.total,
        "is_large": row.size >= MIB,
        "kind": row.kind,
        "ideal": row.ideal,
        "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes"),
        "others": round(others, 2),
        "tools": {name: of_tool(runs) for name, runs in samples.items() if runs},
        "failures": failures,
        "left_out": left_out,
    }


def of_tool(runs: list[Sample]) -> dict:
    """Returns medians, and the least and the largest wall time."""
    medians = Sample(*(statistics.median(column) for column in zip(*runs)))
    walls = [run.wall for run in runs]
    return {
        "runs": len(runs),
        "wall": round(medians.wall, 5),
        "wall_min": round(min(walls), 5),
        "wall_max": round(max(walls), 5),
        "cpu": round(medians.cpu, 5),
        "mib": round(medians.rss, 2),
        "connections": medians.connections,
    }


def is_peer(name: str) -> bool:
    """Returns whether it is somebody else's tool, to which haul is compared."""
    return not any(ours in name for ours in OURS)


def best_peer(row: dict, column: str) -> float | None:
    """Returns the least value among the peers."""
    values = [tool[column] for name, tool in row["tools"].items() if is_peer(name)]
    return min(values) if values else None


def fetched(row: dict) -> float:
    """Returns how many bytes the tools of a row had to bring."""
    return row["bytes"] / 2 if row["kind"] == "resume" else row["bytes"]


def rate(row: dict, tool: dict) -> str:
    """Returns what was done in a second, or how far from the ideal it was."""
    if row["kind"] in ("version", "tiny", "first-request") or not row["files"]:
        return ""
    if row["ideal"]:
        return f"{tool['wall'] / row['ideal']:.2f} x ideal"
    if row["is_large"]:
        return f"{fetched(row) / MIB / tool['wall']:,.0f} MiB/s"
    return f"{row['files'] / tool['wall']:,.0f} files/s"


def cost(row: dict, tool: dict) -> str:
    """Returns the processor's time for each GiB of large files, or for a thousand small ones."""
    if row["kind"] in ("version", "tiny", "first-request") or not row["files"]:
        return ""
    if row["is_large"]:
        return f"{tool['cpu'] / (fetched(row) / GIB):.2f} s/GiB"
    return f"{tool['cpu'] / row['files'] * 1000:.3f} s/1000"


def load(folder: Path) -> dict:
    """Returns the results that are there."""
    path = folder / "results.json"
    return json.loads(path.read_text()) if path.exists() else {"rows": {}}


def save(folder: Path, results: dict) -> None:
    """Writes the results, the rows in the order of their groups."""
    folder.mkdir(parents=True, exist_ok=True)
    order = list(GROUPS)
    rows = sorted(results["rows"].items(), key=lambda item: order.index(item[1]["group"]))
    text = json.dumps({**results, "rows": dict(rows)}, indent=1)
    (folder / "results.json").write_text(f"{text}\n")
