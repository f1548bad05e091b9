"""Histories of statuses."""

from __future__ import annotations


def distinct(judgements: list[str]) -> list[str]:
    """Without repetition in a row."""
    return [each for number, each in enumerate(judgements) if number == 0 or judgements[number - 1] != each]
