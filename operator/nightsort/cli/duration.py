"""Durations as kubectl takes them: 90s, 10m, 24h, 1h30m, or a number of seconds."""

from __future__ import annotations

import re

import typer

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
PART = re.compile(r"(\d{1,20}+(?:\.\d{1,20}+)?)(ms|s|m|h)")


def seconds_of(text: str) -> float:
    """Raises typer.BadParameter: it is no duration."""
    parts = PART.findall(text)
    if "".join(number + unit for number, unit in parts) == text and parts:
        return sum(float(number) * UNITS[unit] for number, unit in parts)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise typer.BadParameter(f"{text} is no duration such as 90s, 10m or 24h")
    return seconds
