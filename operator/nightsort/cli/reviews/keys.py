"""Single keys from a terminal."""

from __future__ import annotations

import codecs
import os
import select
import termios
from types import TracebackType
from typing import Self

ENTER, TAB, BACKSPACE, ESCAPE = "enter", "tab", "backspace", "escape"
LEFT, RIGHT, UP, DOWN, PAGE_UP, PAGE_DOWN = "left", "right", "up", "down", "page up", "page down"
INTERRUPT, END, UNDO = "interrupt", "end", "undo"
NAMES = {
    "\n": ENTER, "\r": ENTER, "\t": TAB, "\x7f": BACKSPACE, "\x08": BACKSPACE, "\x1b": ESCAPE,
    "\x03": INTERRUPT, "\x04": END, "\x1a": UNDO,
}  # fmt: skip
SEQUENCES = {
    "\x1b[A": UP, "\x1b[B": DOWN, "\x1b[C": RIGHT, "\x1b[D": LEFT, "\x1b[5~": PAGE_UP, "\x1b[6~": PAGE_DOWN,
    "\x1bOA": UP, "\x1bOB": DOWN, "\x1bOC": RIGHT, "\x1bOD": LEFT,
}  # fmt: skip
ESCAPE_SECONDS = 0.05
"""Seconds after which an escape is a key of its own and no beginning of another's sequence."""
READ_BYTES = 1024


class Keys:
    """Used as a context: until its end the terminal hands over each key at once, and shows none.

    Ctrl-C is a key like others, so that it ends no step halfway.
    """

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._waiting = ""

    def __enter__(self) -> Self:
        self._former = termios.tcgetattr(self._terminal)
        mode = termios.tcgetattr(self._terminal)
        mode[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._terminal, termios.TCSADRAIN, mode)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._former)

    def next(self) -> str:
        """A name of above, or the character that was typed. A terminal that has gone away is END."""
        while not self._waiting:
            if not self._read():
                return END
        if self._waiting[0] == "\x1b":
            return self._sequence()
        character, self._waiting = self._waiting[0], self._waiting[1:]
        return NAMES.get(character, character)

    def _read(self) -> bool:
        try:
            found = os.read(self._terminal, READ_BYTES)
        except OSError:
            return False
        self._waiting += self._text.decode(found)
        return bool(found)

    def _sequence(self) -> str:
        """The key behind an escape; sequences that nobody knows are passed over."""
        if len(self._waiting) == 1 and select.select([self._terminal], [], [], ESCAPE_SECONDS)[0]:
            self._read()
        if len(self._waiting) == 1 or self._waiting[1] not in "[O":
            self._waiting = self._waiting[1:]
            return ESCAPE
        end = next((at for at, sign in enumerate(self._waiting[2:], 2) if "@" <= sign <= "~"), len(self._waiting) - 1)
        sequence, self._waiting = self._waiting[: end + 1], self._waiting[end + 1 :]
        return SEQUENCES.get(sequence, "")
