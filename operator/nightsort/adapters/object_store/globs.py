"""Patterns of names with * and ?, matched in one pass over the name, whatever the pattern.

A regular expression of several stars backtracks: nine against a name of 48 characters held the process for 15 seconds.
"""

from __future__ import annotations

from collections import defaultdict

SEPARATOR = "/"


class Glob:
    """* stands for any characters but a slash, ? for one of them; nothing else is special.

    The bits of one number are the places in the pattern that the name may have reached: bit n says that the first n
    signs are matched. Each character of the name takes one step, whatever comes before it.
    """

    def __init__(self, pattern: str) -> None:
        self._one: dict[str, int] = defaultdict(int)
        self._any = self._stay = place = 0
        for sign in pattern:
            if sign == "*":
                self._stay |= 1 << place
                continue
            if sign == "?":
                self._any |= 1 << place
            else:
                self._one[sign] |= 1 << place
            place += 1
        self._last = 1 << place

    def fits(self, name: str) -> bool:
        places = 1
        for character in name:
            free = character != SEPARATOR
            taken = self._one.get(character, 0) | (self._any if free else 0)
            places = (places & taken) << 1 | (places & self._stay if free else 0)
            if not places:
                return False
        return bool(places & self._last)
