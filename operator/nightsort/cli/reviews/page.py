"""What a review shows of a ticket, in as many lines as the terminal has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.cells import set_cell_size
from rich.console import Console
from rich.text import Text

from nightsort.cli.reviews.session import NUMBERED, Session
from nightsort.domain.case import Case
from nightsort.domain.printable import printable

LEAST_LINES = 3
"""Lines of the ticket's text, however low the terminal is."""
GAP = 2


def page(session: Session, console: Console) -> list[Text]:
    """The whole screen, line by line."""
    width, height = console.size
    case = session.case
    if case is None:
        return [heading(session), Text(), *last_lines(session), Text(), Text(session.told and printable(session.told))]
    above = [heading(session), Text(f"{printable(case.id)}  ({', '.join(case.whys)})", style="bold"), Text()]
    below = [Text(), *wrapped(model_lines(case), console, width), Text(), *choice_lines(session, width)]
    below += [Text(), Text(printable(session.told)), keys_line(session)]
    room = max(height - len(above) - len(below) - 1, LEAST_LINES)
    return [*above, *window(session, wrapped(ticket_lines(case), console, width), room), *below]


def heading(session: Session) -> Text:
    whole = session.before + len(session.cases)
    done = session.before + len(session.decided)
    place = min(session.before + session.place + 1, whole)
    skipped = f", {session.skipped} skipped" if session.skipped else ""
    return Text(f"ticket {place:,} of {whole:,}: {done:,} decided{skipped}; {session.store.place}", style="dim")


def last_lines(session: Session) -> Iterator[Text]:
    yield Text("That was the last ticket.")
    if session.skipped:
        yield Text(f"{session.skipped:,} skipped: the same command shows them again.")
    yield Text("Enter ends, \N{LEFTWARDS ARROW} takes the last decision back.")


def ticket_lines(case: Case) -> Iterator[Text]:
    if not any(text.strip() for text in case.fields.values()):
        yield Text("(the ticket has no text)", style="dim")
    for name, text in in_order(case.fields):
        if not text.strip():
            continue
        if name != "body":
            yield Text.assemble((f"{name}: ", "dim"), printable(" ".join(text.split())))
            continue
        for line in text.expandtabs(4).splitlines():
            yield Text(printable(line))


def in_order(fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The subject first, the body last."""
    yield from sorted(fields.items(), key=lambda field: (field[0] == "body", field[0] != "subject"))


def model_lines(case: Case) -> Iterator[Text]:
    if case.answer is None:
        yield Text(f"the model: no category ({case.verdict}){': ' if case.reason else ''}{printable(case.reason)}")
    else:
        sure = f", confidence {case.confidence} by its own statement" if case.confidence else ""
        why = f": {printable(case.reason)}" if case.reason else ""
        yield Text.assemble("the model: ", (printable(case.answer), "bold"), f" ({case.verdict}{sure}){why}")
    if case.rationale:
        yield Text(f"because: {printable(case.rationale)}")
    if case.second:
        yield Text(f"the second model: {printable(case.second)}")


def choice_lines(session: Session, width: int) -> Iterator[Text]:
    offered = session.offered()
    shown = [f"{number} {printable(name)}" for number, name in enumerate(offered[:NUMBERED], 1)]
    column = min(max((len(each) for each in shown), default=0) + GAP, width)
    each_line = max(width // column, 1) if column else 1
    for start in range(0, len(shown), each_line):
        line = "".join(set_cell_size(each, column) for each in shown[start : start + each_line])
        yield Text(line.rstrip())
    if more := len(offered) - len(shown):
        yield Text(f"and {more:,} more: type a part of the name", style="dim")
    if session.search:
        found = "" if offered else "  (no category has this in its name)"
        yield Text(f"search: {printable(session.search)}_{found}")


def keys_line(session: Session) -> Text:
    case = session.case
    first = next(iter(session.offered()), None) if session.search else case.answer if case is not None else None
    enter = f"Enter {'takes' if session.search else 'keeps'} {printable(first)}, " if first else ""
    left, right = "\N{LEFTWARDS ARROW}", "\N{RIGHTWARDS ARROW}"
    end = "clears the search" if session.search else "ends"
    return Text(f"{enter}{right} skips, {left} takes back, Esc {end}", style="dim")


def wrapped(lines: Iterator[Text], console: Console, width: int) -> list[Text]:
    return [part for line in lines for part in (line.wrap(console, width) if line.plain else [line])]


def window(session: Session, lines: list[Text], room: int) -> list[Text]:
    """The lines that there is room for, from where the person has scrolled to."""
    if len(lines) <= room:
        session.scrolled = 0
        return lines
    session.scrolled = min(session.scrolled, len(lines) - room + 1)
    shown = lines[session.scrolled : session.scrolled + room - 1]
    left = len(lines) - session.scrolled - len(shown)
    up, down = "\N{UPWARDS ARROW}", "\N{DOWNWARDS ARROW}"
    hint = f"{left:,} more lines, by {down}" if left else f"the end of the text; {up} goes back"
    return [*shown, Text(hint, style="dim")]
