"""How often simulated models are wrong, as it is said on the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nightsort.cli.flags import TicketOptions
from nightsort.cli.output.exit_codes import BAD_INPUT, fail

if TYPE_CHECKING:
    from nightsort.simulator import Mistakes, Truths


class InvalidMistakes(ValueError):
    """The message says what is wrong, and how it is written."""


def accuracy_of(given: Sequence[str] | None, *, simulate: bool) -> tuple[str, ...]:
    """The values of --simulated-accuracy; ends the command where they cannot be used."""
    if not given:
        return ()
    if not simulate:
        fail("--simulated-accuracy is for --simulate alone", BAD_INPUT)
    try:
        by_model(given)
    except InvalidMistakes as error:
        fail(f"--simulated-accuracy {error}", BAD_INPUT)
    return tuple(given)


def by_model(given: Sequence[str]) -> dict[str, float]:
    """Shares between 0 and 1 by model; the one without a model, for all others, has an empty name.

    Raises:
        InvalidMistakes: a share is none, or a model has two.
    """
    found: dict[str, float] = {}
    for words in given:
        model, _, written = words.rpartition("=")
        try:
            share = float(written)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise InvalidMistakes(f"{words!r}: expected a share from 0 to 1, such as 0.8 or claude-sonnet-5-5=0.95")
        if model in found:
            raise InvalidMistakes(f"{words!r}: {model or 'the accuracy of all models'} is given twice")
        found[model] = share
    return found


def confusions_of(path: Path) -> dict[str, dict[str, float]]:
    """A JSON file of shares by true category and by the category of the answer.

    Raises:
        InvalidMistakes: it cannot be read, or has something else.
    """
    form = 'expected shares by category, such as {"billing": {"account": 0.2, "": 0.05}}'
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidMistakes(f"{path}: {error.strerror}") from None
    except ValueError:
        raise InvalidMistakes(f"{path}: not valid JSON; {form}") from None
    if not isinstance(found, dict) or not all(isinstance(row, dict) for row in found.values()):
        raise InvalidMistakes(f"{path}: {form}")
    for truth, row in found.items():
        shares = list(row.values())
        if not all(isinstance(share, int | float) and 0 <= share <= 1 for share in shares) or sum(shares) > 1 + 1e-9:
            raise InvalidMistakes(f"{path}: the shares of {truth!r} are not between 0 and 1, or more than 1 together")
    return found


def mistakes_of(accuracy: Sequence[str], confusions: Path | None, seed: int, confidence: float = 0.0) -> Mistakes:
    """Raises InvalidMistakes: as above."""
    from nightsort.simulator import Mistakes

    rows = {} if confusions is None else confusions_of(confusions)
    return Mistakes(accuracy=by_model(accuracy), confusions=rows, confidence=confidence, seed=seed)


def truths_of(file: Path | None, column: str, options: TicketOptions) -> Truths:
    """The categories of a file's tickets, by the texts that a prompt has of them.

    Raises:
        InvalidMistakes: it has no such column. InvalidFile: it cannot be read.
    """
    from nightsort.formats.columns import UnknownColumns, find_columns
    from nightsort.formats.exports import tickets_of
    from nightsort.formats.opening import open_table
    from nightsort.simulator import Truths

    if file is None:
        return Truths()
    table, reading = open_table(file, options.options), options.reading
    if column not in table.header:
        raise InvalidMistakes(f"{file}: no column {column!r} (--truth); it has {', '.join(table.header)}")
    try:
        columns = find_columns(table.header, subject=options.subject, body=options.body)
    except UnknownColumns as unknown:
        raise InvalidMistakes(f"{file}: {unknown}") from None
    place = table.header.index(column)
    return Truths({one.body or one.subject: one.row.cells[place] for one in tickets_of(table, columns, reading)})
