"""A file as the state knows it: the last question about it, and its tickets held against the answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nightsort.api.spec import Spec
from nightsort.cli.classification.memory import remembered
from nightsort.cli.classification.order import STATE_FILE, InvalidOrder, Order
from nightsort.cli.classification.reading import TicketFile, opened
from nightsort.cli.classification.reporting import spec_of
from nightsort.cli.flags import MODEL
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.correction import Corrections, categories_of
from nightsort.wiring import classify as wiring
from nightsort.wiring.corrections import corrections_of


@dataclass(frozen=True, slots=True)
class KnownFile:
    """`order` is what the flags said the last time; `counts` are the file's tickets by their next step."""

    order: Order
    table: TicketFile
    spec: Spec
    comparison: wiring.Comparison
    counts: wiring.Counts
    corrections: Corrections

    def rows(self) -> Iterator[Row]:
        """The answers, in the order of the file. What people have said beside them is in `corrections`."""
        for one in self.comparison.labels():
            if one.verdict is not None or one.id in self.corrections:
                yield Row(
                    one.id,
                    one.category,
                    Verdict(one.verdict or Verdict.LABELED),
                    one.reason,
                    one.model,
                    one.batch_id,
                    datetime.fromisoformat(one.classified_at) if one.classified_at else None,
                    one.input_tokens,
                    one.output_tokens,
                    one.values,
                )


def known(state: wiring.State, file: Path, folder: Path) -> KnownFile:
    """Reads the file as classify has.

    Raises:
        InvalidOrder, InvalidFile: it was not classified with this state, or cannot be read any more.
        Stalled: what is beside it are no corrections.
    """
    order, asked, spec = last_question(state, file, folder)
    table = opened(file, order.tickets)
    comparison = wiring.Comparison(state, asked.settings, asked.file, simulated=asked.simulated)
    corrections = corrections_of(file)
    counts = comparison.take(table.present(spec), corrected=categories_of(corrections))
    return KnownFile(order, table, spec, comparison, counts, corrections)


def last_question(state: wiring.State, file: Path, folder: Path) -> tuple[Order, wiring.Asked, Spec]:
    """What was asked last about a file, and with which flags; by an earlier version, they are not known."""
    found = wiring.last_asked(state, str(file.absolute()))
    if found is None:
        raise InvalidOrder(
            f"{file} was not classified with {folder / STATE_FILE}: classify it, or name its directory with --state"
        )
    asked, settings = found
    order = remembered(state, file, folder, simulated=asked.simulated)
    if order is None:
        order = Order(file=file, model=MODEL, simulated=1.0 if asked.simulated else None, state=folder)
    return order, asked, spec_of(settings, folder / STATE_FILE)
