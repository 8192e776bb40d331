"""SVG, drawn by hand: what charts are made of."""

from __future__ import annotations

from html import escape
from math import log2

# Readable on white and on near-black; each has a shape of its own as well.
COLOURS = ("#e4572e", "#2e86c1", "#9b6bc3", "#2f9e5f", "#b8860b", "#7f8894", "#d0559a")
SHAPES = ("disc", "square", "diamond", "triangle", "cross", "bar", "ring")

STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; }
.small { font-size: 11.5px; fill: #59636e; }
.page { fill: #ffffff; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.one { stroke: #59636e; stroke-width: 1.5; }
.band { fill: #818b98; fill-opacity: 0.09; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .small { fill: #9198a1; }
  .page { fill: #0d1117; }
  .grid { stroke: #30363d; }
  .one { stroke: #9198a1; }
}
"""


class Svg:
    """A picture that grows element by element."""

    def __init__(self, width: int, height: int, title: str):
        self.size = width, height
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="page" width="{width}" height="{height}" rx="6"/>',
        ]

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> None:
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">'
            f"{escape(words)}</text>"
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> None:
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'
        )

    def band(self, x: float, y: float, width: float, height: float) -> None:
        self.parts.append(
            f'<rect class="band" x="{x:.1f}" y="{y:.1f}" '
            f'width="{width:.1f}" height="{height:.1f}"/>'
        )

    def path(self, points: list[tuple[float, float]], style: int) -> None:
        """Draws a line through points, in the colour of a series."""
        steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(
            f'<polyline points="{steps}" fill="none" stroke="{COLOURS[style]}" '
            f'stroke-width="{2.5 if style == 0 else 1.5}" stroke-linejoin="round"/>'
        )

    def mark(self, x: float, y: float, style: int, size: float = 4.5) -> None:
        """Draws the mark of a series; the first is the largest."""
        colour, size = COLOURS[style], size * (1.25 if style == 0 else 1)
        fill, stroke = f'fill="{colour}"', f'fill="none" stroke="{colour}" stroke-width="2"'
        shapes = {
            "disc": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" {fill}/>',
            "square": polygon([(-1, -1), (1, -1), (1, 1), (-1, 1)], x, y, size * 0.85, fill),
            "diamond": polygon([(0, -1), (1, 0), (0, 1), (-1, 0)], x, y, size * 1.15, fill),
            "triangle": polygon([(0, -1), (1, 0.8), (-1, 0.8)], x, y, size * 1.1, fill),
            "cross": f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8" {stroke}/>',
            "bar": f'<path d="M{x:.1f} {y - 7:.1f}v14" {stroke}/>',
            "ring": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size * 0.85:.1f}" {stroke}/>',
        }
        self.parts.append(shapes[SHAPES[style]])

    def legend(self, x: float, y: float, names: dict[str, int], step: float = 0) -> None:
        """Draws marks with their names in one line."""
        for name, style in names.items():
            self.mark(x, y - 4.5, style)
            self.text(x + 11, y, name)
            x += step or 34 + 7.4 * len(name)

    def write(self) -> str:
        return "\n".join([*self.parts, "</svg>", ""])


def polygon(corners: list[tuple[float, float]], x: float, y: float, size: float, fill: str) -> str:
    points = " ".join(f"{x + dx * size:.1f},{y + dy * size:.1f}" for dx, dy in corners)
    return f'<polygon points="{points}" {fill}/>'


class Scale:
    """Places numbers on a line, each doubling as long as any other."""

    def __init__(self, least: float, most: float, begin: float, end: float):
        self.least, self.most = log2(least), log2(most)
        self.begin, self.end = begin, end

    def at(self, value: float) -> float:
        share = (log2(value) - self.least) / (self.most - self.least)
        return self.begin + (self.end - self.begin) * min(1.0, max(0.0, share))

    def holds(self, value: float) -> bool:
        return self.least <= log2(value) <= self.most
