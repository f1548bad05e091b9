"""A review from its beginning to its end, wherever the tickets are."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

from rich.console import Console
from rich.control import Control

from nightsort.cli.classification.screen import screen
from nightsort.cli.output.exit_codes import BAD_INPUT, fail
from nightsort.cli.reviews.keys import Keys
from nightsort.cli.reviews.order import Reviewed, Wish, nothing_to_review
from nightsort.cli.reviews.page import page
from nightsort.cli.reviews.session import Session
from nightsort.domain.case import judged
from nightsort.domain.evaluation import wilson
from nightsort.domain.printable import printable
from nightsort.domain.report import plural

NO_TERMINAL = (
    "a review needs a terminal, to show tickets and to take keys; without one, --export-label-studio FILE writes the "
    "tickets for Label Studio, and --import-label-studio FILE takes the answers in"
)


def refuse_no_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        fail(NO_TERMINAL, BAD_INPUT)


async def review(found: Reviewed, wish: Wish) -> int:
    """Shows the tickets until the person ends; returns how many were decided."""
    out = screen()
    if not found.cases:
        say(out, nothing_to_review(found, wish))
        tell_remarks(found)
        return 0
    names = [category.name for category in found.spec.categories]
    session = Session(
        found.cases, names, found.store, wish.by, lambda: datetime.now(UTC).replace(microsecond=0), found.decided_before
    )
    await ask(session, out)
    say(out, *[line async for line in summary(session, found)])
    tell_remarks(found)
    return len(session.decided)


async def ask(session: Session, out: Console) -> None:
    """Keys are read in the loop's own thread: nothing else goes on, and nothing outlives the terminal."""
    out.set_alt_screen(True)
    try:
        with Keys(sys.stdin.fileno()) as keys:
            while not session.is_over:
                out.control(Control.clear(), Control.home())
                for line in page(session, out):
                    out.print(line, no_wrap=True, overflow="ellipsis", crop=True)
                await session.press(keys.next())
    finally:
        out.set_alt_screen(False)


async def summary(session: Session, found: Reviewed) -> AsyncIterator[str]:
    made = session.decided
    changed = sum(one.is_change for one in made)
    left = len(session.cases) - len({one.id for one in made})
    yield f"{plural(len(made), 'ticket')} decided: {len(made) - changed:,} as the model had them, {changed:,} otherwise"
    if left:
        yield f"{plural(left, 'ticket')} left: the same command goes on with them"
    if found.left_out:
        yield f"{plural(found.left_out, 'ticket')} more come after these"
    if made:
        yield f"kept in {session.store.place}"
    for line in of_sample(*judged(found.all_cases, await session.store.read())):
        yield line


def of_sample(known: int, right: int) -> Iterator[str]:
    """What the sample tells of all labels; nothing where none was drawn."""
    if known:
        found = wilson(right, known)
        yield (
            f"of the tickets drawn by chance, {right:,} of {known:,} have the right category: "
            f"{right / known:.1%} ({found.low:.1%} to {found.high:.1%})"
        )


def tell_remarks(found: Reviewed) -> None:
    say(screen(stderr=True), *found.remarks)


def say(out: Console, *lines: str) -> None:
    for line in lines:
        out.print(printable(line), soft_wrap=True)
