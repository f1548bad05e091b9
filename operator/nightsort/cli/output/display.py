"""Lines for people, on a terminal with a spinner below them, and the flow's events among them."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

import rich.progress
from rich.console import Console

from nightsort.domain.printable import printable

PLAIN_WIDTH = 200
EVENTS = logging.getLogger("nightsort.events")


class Display(logging.Handler, ABC):
    """Used as a context. Events of local mode are log records of (resource, reason, message)."""

    def __init__(self, out: Console, err: Console) -> None:
        super().__init__(logging.INFO)
        self._out, self._err = out, err
        self._live = rich.progress.Progress(
            rich.progress.SpinnerColumn(),
            rich.progress.TextColumn("{task.description}", markup=False),
            rich.progress.TimeElapsedColumn(),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )

    def __enter__(self) -> Self:
        EVENTS.addHandler(self)
        EVENTS.setLevel(logging.INFO)
        EVENTS.propagate = False
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        EVENTS.removeHandler(self)
        EVENTS.propagate = True

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and len(record.args) == 3:
            name, reason, message = map(str, record.args)
            self.event(name, reason, message, trouble=record.levelno >= logging.WARNING)

    @abstractmethod
    def event(self, name: str, reason: str, message: str, *, trouble: bool) -> None:
        """Shows an event of the flow."""

    def line(self, text: str, *, trouble: bool = False) -> None:
        (self._err if trouble else self._out).print(printable(text), soft_wrap=True)


def console(kind: type[Console] = Console, *, stderr: bool = False) -> Console:
    """Shows text without markup: a category may be called [red] or :smile:."""
    made = kind(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not made.is_terminal:
        made.width = PLAIN_WIDTH
    return made
