"""The chart of the README: every tool's figures beside the best peer's."""

from __future__ import annotations

from chart import Scale, Svg
from table import RATIOS, SUMMARY, ratio

STYLES = {"haul": 0, "curl": 1, "aria2c": 2, "wget2": 3, "axel": 4, "floor": 5}
TITLES = {"wall": "wall time", "cpu": "processor time", "mib": "peak memory"}
LEFT, TOP, STEP, WIDTH, GAP = 356, 86, 25, 198, 18
TICKS = {0.125: "⅛", 0.25: "¼", 0.5: "½", 1: "1", 2: "2", 4: "4", 8: "8", 16: "16", 32: "32"}


def draw(rows: dict) -> str:
    """Returns a chart with a line for each row and three panels."""
    chosen = [rows[name] for name in SUMMARY if name in rows]
    height = TOP + STEP * len(chosen) + 46
    svg = Svg(LEFT + 3 * (WIDTH + GAP) + 8, height, "haul and its peers")
    svg.text(16, 26, "Each tool divided by the best peer: left of 1 is better than all", "title")
    legend(svg)
    bottom = TOP + STEP * len(chosen)
    for number, row in enumerate(chosen):
        if number % 2 == 0:
            svg.band(8, TOP + STEP * number, svg.size[0] - 16, STEP)
        svg.text(16, TOP + STEP * number + 17, shorten(row["title"]))
    for number, column in enumerate(RATIOS):
        begin = LEFT + number * (WIDTH + GAP)
        panel(svg, chosen, column, begin, bottom)
    words = "Times the best peer's figure. Each line of the grid is twice the one before it."
    svg.text(16, bottom + 36, words, "small")
    return svg.write()


def legend(svg: Svg) -> None:
    names = {name: style for name, style in STYLES.items() if name != "floor"}
    svg.legend(24, 52, {**names, "floor: raw sockets, no peer": STYLES["floor"]})


def panel(svg: Svg, rows: list[dict], column: str, begin: float, bottom: float) -> None:
    """Draws the marks of one column."""
    scale = Scale(0.09, 44, begin, begin + WIDTH)
    svg.text(begin + WIDTH / 2, TOP - 10, TITLES[column], "", "middle")
    for tick, words in TICKS.items():
        svg.line(scale.at(tick), TOP, scale.at(tick), bottom, "one" if tick == 1 else "grid")
        svg.text(scale.at(tick), bottom + 16, words, "small", "middle")
    for number, row in enumerate(rows):
        y = TOP + STEP * (number + 0.5)
        tools = row["tools"].values()
        far = [tool for tool in tools if not scale.holds(ratio(row, tool, column) or 1)]
        # haul last, so that it lies above the others.
        for name, tool in sorted(row["tools"].items(), key=lambda item: item[0] == "haul"):
            style = STYLES.get(family(name))
            value = ratio(row, tool, column)
            if style is None or not value:
                continue
            svg.mark(scale.at(value), y, style)
            if tool in far[:1]:
                words = f"{value:.0f} x" if value > 1 else f"1/{1 / value:.0f}"
                svg.text(scale.at(value) - 8, y + 4, words, "small", "end")


def family(name: str) -> str:
    """Returns which tool it is: of several ways to use one, only the first kind is drawn."""
    ways = {
        "haul, to a pipe": "haul",
        "curl, to a pipe": "curl",
        "curl | tee | sha256sum, by xargs": "curl",
    }
    return ways.get(name, name)


def shorten(title: str) -> str:
    """Makes a title fit beside the panels."""
    title = title.replace("`", "").replace("for each answer, ", "an answer, ")
    return title.replace(" and ", " + ").replace("1 MiB, the big one", "1 MiB, big one")
