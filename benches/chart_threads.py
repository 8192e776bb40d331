"""The chart of docs/threads.md: the same work by more and more threads or processes."""

from __future__ import annotations

from chart import Scale, Svg
from rows import LESSON
from table import number

STYLES = {
    "haul": 0,
    "curl -Z": 1,
    "xargs, curl": 2,
    "xargs, sha256sum": 2,
    "xargs, haul -j1": 3,
    "Python threads": 4,
    "Python processes": 5,
    "Python in sequence": 6,
}
LEGEND = [
    {"haul (threads)": 0, "curl -Z (one thread, many sockets)": 1, "xargs, curl or sha256sum": 2},
    {"xargs, haul -j1": 3, "Python threads": 4, "Python processes": 5, "Python in sequence": 6},
]
PANELS = [
    ("wait", "wall", "work that waits: wall time, s"),
    ("wait", "cpu", "work that waits: processor time, s"),
    ("wait", "mib", "work that waits: peak memory, MiB"),
    # What others take of the processors can only make these longer.
    ("compute", "wall_min", "SHA-256: shortest wall time, s"),
    ("pure", "wall_min", "a sum in Python's bytecode: shortest wall time, s"),
    ("compute", "mib", "SHA-256: peak memory, MiB"),
]
WIDTH, HEIGHT, LEFT, TOP = 400, 190, 62, 112
ACROSS, DOWN = 480, 268


def draw(rows: dict) -> str:
    """Returns six panels, two in a line."""
    height = TOP + 3 * DOWN - 20
    svg = Svg(2 * ACROSS + 20, height, "The same work by more and more threads or processes")
    title = "The same list, more and more at once (each step doubles, on both axes)"
    svg.text(16, 26, title, "title")
    for y, names in zip((52, 76), LEGEND):
        svg.legend(24, y, names)
    for index, (kind, column, title) in enumerate(PANELS):
        x, y = LEFT + ACROSS * (index % 2), TOP + DOWN * (index // 2)
        chosen = [row for row in rows.values() if row["group"] == LESSON and row["kind"] == kind]
        if chosen:
            panel(svg, sorted(chosen, key=lambda row: row["workers"]), column, title, x, y)
    return svg.write()


def panel(svg: Svg, rows: list[dict], column: str, title: str, left: float, top: float) -> None:
    """Draws one column of one kind of work over the number at once."""
    values = [tool[column] for row in rows for tool in row["tools"].values()]
    bottom = top + HEIGHT
    down = Scale(min(values) * 0.85, max(values) * 1.15, bottom, top)
    across = Scale(rows[0]["workers"] * 0.9, rows[-1]["workers"] * 1.12, left, left + WIDTH)
    svg.text(left, top - 8, title)
    tick = 2.0**-10
    while tick <= max(values) * 1.15:
        if down.holds(tick):
            svg.line(left, down.at(tick), left + WIDTH, down.at(tick))
            svg.text(left - 6, down.at(tick) + 4, label(tick), "small", "end")
        tick *= 2
    for row in rows:
        x = across.at(row["workers"])
        svg.line(x, top, x, bottom)
        svg.text(x, bottom + 16, str(row["workers"]), "small", "middle")
    svg.text(left + WIDTH, bottom + 32, "at once", "small", "end")
    # haul last, so that it lies above the others.
    for name in sorted({name for row in rows for name in row["tools"]}, key=lambda n: n == "haul"):
        found = [(row["workers"], row["tools"].get(name)) for row in rows]
        points = [(across.at(count), down.at(tool[column])) for count, tool in found if tool]
        svg.path(points, STYLES[name])
        for x, y in points:
            svg.mark(x, y, STYLES[name], 3.6)


def label(tick: float) -> str:
    """Writes a power of two."""
    return f"{tick:,.0f}" if tick >= 1 else number(tick).rstrip("0")
