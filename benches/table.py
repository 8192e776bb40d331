"""The results as Markdown."""

from __future__ import annotations

from results import NOISY, best_peer, cost, is_peer, rate
from rows import GROUPS, LESSON, MIB

# The rows of the README, and of its chart.
SUMMARY = [
    "small-http", "small-https", "small-http-disk", "small-https-disk", "large-http", "large-https",
    "four-http", "four-https", "four-http-disk", "four-https-disk", "paced-one",
    "paced-mixed-first", "paced-mixed-last", "paced-mixed-shuffled", "paced-slow", "delay",
    "memory-200k", "version", "tiny", "first-request", "resume", "hash", "stream",
]  # fmt: skip
RATIOS = ("wall", "cpu", "mib")


def line(*cells: str) -> str:
    """Returns a line of a table; a bar in a cell must not begin another."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def header(words: list[str], numbers: list[str]) -> list[str]:
    """Returns the head of a table with these columns of words and of numbers."""
    return [line(*words, *numbers), line(*["---"] * len(words), *["---:"] * len(numbers))]


def number(value: float) -> str:
    """Writes a number with three digits that count, or all before the point."""
    for least, digits in ((100, 0), (10, 1), (1, 2), (0.01, 3)):
        if value >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.4f}"


def conditions(rows: dict) -> list[str]:
    """Returns a paragraph for each machine and set of versions, the newest last."""
    seen: dict[str, list[str]] = {}
    for row in rows.values():
        versions = ", ".join(f"{name} {version}" for name, version in row["versions"].items())
        text = f"{row['machine']}; {versions}; server and client share the machine"
        seen.setdefault(f"{text}, files in memory on {row['memory']}", []).append(row["when"][:10])
    return [f"{text}. ({' to '.join(sorted({min(d), max(d)}))})" for text, d in seen.items()]


def noise(rows: dict) -> str:
    """Returns how busy others kept the machine."""
    loud = [row["others"] for row in rows.values() if row["others"] > NOISY]
    if not loud:
        return "Nobody else used the machine."
    return (
        f"**Noisy:** during {len(loud)} of {len(rows)} rows others used {min(loud)} to {max(loud)} "
        "cores of this machine on average (the column `others`). All tools took turns under it, "
        "but wall times are too long, and differences of less than a third tell nothing."
    )


def full(rows: dict) -> str:
    """Returns everything: all rows with all tools."""
    parts = ["# Benchmark", "", *conditions(rows), "", noise(rows)]
    for group, explanation in GROUPS.items():
        of_group = {name: row for name, row in rows.items() if row["group"] == group}
        if of_group:
            parts += ["", f"## {group}", "", explanation, ""]
            parts += [*group_table(of_group), *notes(of_group)]
        if group == "memory":
            parts += for_each_line(rows)
    return "\n".join(parts) + "\n"


COLUMNS = [
    "wall s", "(min to max)", "runs", "CPU s", "peak MiB", "connections", "rate", "CPU for each",
    "wall / best peer", "CPU / best peer", "MiB / best peer", "others",
]  # fmt: skip


def group_table(rows: dict) -> list[str]:
    """Returns the table of a group."""
    lines = header(["work", "tool"], COLUMNS)
    for row in rows.values():
        for name, tool in row["tools"].items():
            ratios = [ratio(row, tool, column) for column in RATIOS]
            cells = [
                number(tool["wall"]),
                f"{number(tool['wall_min'])} to {number(tool['wall_max'])}",
                str(tool["runs"]),
                number(tool["cpu"]),
                f"{tool['mib']:.1f}",
                f"{tool['connections']:g}",
                rate(row, tool),
                cost(row, tool),
                *(f"{value:.2f}" if value else "" for value in ratios),
                f"{row['others']:.1f}",
            ]
            lines.append(line(row["title"], name, *cells))
    return lines


def ratio(row: dict, tool: dict, column: str) -> float | None:
    """Returns how many times the best peer's figure a tool's is."""
    best = best_peer(row, column)
    return tool[column] / best if best else None


def notes(rows: dict) -> list[str]:
    """Returns who has no figures, and why."""
    lines = []
    for row in rows.values():
        reasons = {**row["left_out"], **{k: f"failed: {v}" for k, v in row["failures"].items()}}
        lines += [f"- {row['title']}: {tool} is left out: {why}" for tool, why in reasons.items()]
    return ["", *lines] if lines else []


def for_each_line(rows: dict) -> list[str]:
    """Returns the memory that each line of a list costs, from a short list and a long one."""
    few, many = rows.get("memory-1k"), rows.get("memory-200k")
    if not few or not many:
        return []
    lines = ["", *header(["tool"], ["bytes for each line"])]
    for name, tool in many["tools"].items():
        if name in few["tools"]:
            grown = (tool["mib"] - few["tools"][name]["mib"]) * MIB
            lines.append(line(name, f"{max(0.0, grown / (many['files'] - few['files'])):,.0f}"))
    return lines


def summary(rows: dict) -> str:
    """Returns haul beside the best peer, for the README."""
    chosen = {name: rows[name] for name in SUMMARY if name in rows}
    heads = ["haul: wall s", "CPU s", "MiB", "best peer: wall s", "wall", "CPU", "MiB", "others"]
    lines = [*conditions(chosen), "", noise(chosen), "", *header(["work"], heads)]
    for row in chosen.values():
        name = next(name for name in row["tools"] if name.startswith("haul"))
        tool, peer = row["tools"][name], fastest(row)
        if not peer:
            continue
        shown = [bold(ratio(row, tool, column)) for column in RATIOS]
        cells = [number(tool["wall"]), number(tool["cpu"]), f"{tool['mib']:.1f}"]
        cells += [f"{peer} {number(row['tools'][peer]['wall'])}", *shown, f"{row['others']:.1f}"]
        lines.append(line(row["title"], *cells))
    lines += [*for_each_line(rows)]
    return "\n".join(lines) + "\n"


def bold(value: float) -> str:
    """Writes a ratio; where haul does not lead it stands out."""
    return f"**{value:.2f}**" if round(value, 2) > 1 else f"{value:.2f}"


def fastest(row: dict) -> str | None:
    """Returns the peer with the least wall time."""
    peers = {name: tool["wall"] for name, tool in row["tools"].items() if is_peer(name)}
    return min(peers, key=peers.get) if peers else None


def lesson(rows: dict) -> str:
    """Returns the rows on threads: a line for each tool, a column for each number at once."""
    parts = []
    for kind, title in (("wait", "waits"), ("compute", "computes"), ("pure", "computes in Python")):
        chosen = [row for row in rows.values() if row["group"] == LESSON and row["kind"] == kind]
        chosen.sort(key=lambda row: row["workers"])
        if not chosen:
            continue
        others = f"{min(r['others'] for r in chosen)} to {max(r['others'] for r in chosen)}"
        work = chosen[0]["title"].rsplit(",", 1)[0]
        parts += [f"Work that {title}: {work}. (Others meanwhile: {others} cores.)", ""]
        parts += header(["at once"], [str(row["workers"]) for row in chosen])
        names = dict.fromkeys(name for row in chosen for name in row["tools"])
        columns = {"wall": "wall s", "cpu": "CPU s", "mib": "peak MiB"}
        if kind != "wait":
            columns = {"wall": "wall s", "wall_min": "shortest", "cpu": "CPU s", "mib": "peak MiB"}
        for column, unit in columns.items():
            for name in names:
                found = [row["tools"].get(name) for row in chosen]
                cells = [number(tool[column]) if tool else "" for tool in found]
                parts.append(line(f"{name}: {unit}", *cells))
        parts.append("")
    return "\n".join(parts)


