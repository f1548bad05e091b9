"""A plot with two logarithmic axes as SVG, so that no library has to be locked for three pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 30, 50
COLOURS = ("#0072b2", "#d55e00", "#009e73")  # told apart by colour-blind readers as well
SMALLEST = 0.001


@dataclass(frozen=True)
class Line:
    name: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """From decade to decade, mapped to pixels."""

    first: int
    last: int
    start: float
    end: float

    @classmethod
    def over(cls, values: list[float], start: float, end: float) -> Axis:
        logs = [math.log10(max(value, SMALLEST)) for value in values]
        first = math.floor(min(logs))
        return cls(first, max(first + 1, math.ceil(max(logs))), start, end)

    def at(self, value: float) -> float:
        share = (math.log10(max(value, SMALLEST)) - self.first) / (self.last - self.first)
        return self.start + share * (self.end - self.start)

    def decades(self) -> Iterator[float]:
        for power in range(self.first, self.last + 1):
            yield 10.0**power


def plot(lines: list[Line], x_label: str, y_label: str) -> str:
    points = [point for line in lines for point in line.points]
    x = Axis.over([point[0] for point in points], LEFT, WIDTH - RIGHT)
    y = Axis.over([point[1] for point in points], HEIGHT - BOTTOM, TOP)
    parts = [*grid(x, y), text(WIDTH / 2, HEIGHT - 12, x_label, "middle"), text(LEFT, 18, y_label)]
    for number, line in enumerate(lines):
        parts += drawn(line, COLOURS[number], x, y, number)
    font = 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {font}>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>\n"])


def grid(x: Axis, y: Axis) -> Iterator[str]:
    for value in x.decades():
        yield stroke([(x.at(value), y.start), (x.at(value), y.end)], "#ddd")
        yield text(x.at(value), y.start + 16, f"{value:,g}" if value < 1e6 else "1,000,000", "middle")
    for value in y.decades():
        yield stroke([(x.start, y.at(value)), (x.end, y.at(value))], "#ddd")
        yield text(x.start - 8, y.at(value) + 4, f"{value:,g}", "end")


def drawn(line: Line, colour: str, x: Axis, y: Axis, number: int) -> Iterator[str]:
    places = [(x.at(a), y.at(b)) for a, b in line.points]
    yield stroke(places, colour, 2)
    for across, down in places:
        yield f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3.5" fill="{colour}"/>'
    yield text(x.start + 12, y.end + 16 + 16 * number, line.name, colour=colour)


def stroke(places: list[tuple[float, float]], colour: str, width: int = 1) -> str:
    shown = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
    return f'<polyline points="{shown}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def text(across: float, down: float, words: str, anchor: str = "start", colour: str = "#333") -> str:
    return f'<text x="{across:.1f}" y="{down:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'
