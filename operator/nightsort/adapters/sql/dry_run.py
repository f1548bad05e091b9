"""Writes into the table of the results as a real run would, in a transaction that is never committed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import cycle, islice

from msgspec.structs import replace

from nightsort.adapters.sql.database import listed
from nightsort.adapters.sql.keys import joined
from nightsort.adapters.sql.staging import Transfer, folded
from nightsort.adapters.sql.statements import as_sent, as_text
from nightsort.adapters.sql.tables import can_undo
from nightsort.adapters.sql.values import storable
from nightsort.domain.answer import Figure, Row, Verdict
from nightsort.domain.reasons import Reason
from nightsort.domain.stored import Rehearsal

EXAMPLES = 3
MOST_ROWS = 200
SOME_BATCH, SOME_HASH = "msgbatch_rehearsed", "0" * 32
SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def rehearse(transfer: Transfer, rehearsal: Rehearsal) -> None:
    """Writes a row for each category and verdict, under ids of the source, and reads back; the caller rolls it back.

    Raises:
        Stalled: a value does not fit, ids collide, an id has several rows, an Update would find no row to fill, or the
            database drops labels without an error.
    """
    labels, failures = labels_of(rehearsal), failures_of(rehearsal)
    ids: Sequence[str] = [storable(ticket_id) for ticket_id in rehearsal.ids]
    transfer.stage([replace(row, id=each) for each, row in zip(ids, cycle([*labels, *failures]), strict=False)])
    transfer.refuse_two_as_one()
    if transfer.may_find_twice:
        transfer.refuse_found_twice()
    if transfer.mode == "Update":
        ids = fillable_ids(transfer, rehearsal, MOST_ROWS)
    if not can_undo(transfer.session, transfer.layout.table.name):
        return
    for rows in dealt(labels, ids, at_least=len(ids)):
        with transfer.session.undone():
            write_and_read_back(transfer, rows)
    for rows in dealt(failures, ids):
        with transfer.session.undone():
            write(transfer, rows)
            write_and_read_back(
                transfer, [replace(label, id=row.id) for row, label in zip(rows, cycle(labels), strict=False)]
            )


def labels_of(rehearsal: Rehearsal) -> list[Row]:
    """A row for each category and each value of the fields; where there are more of the one, the other repeats."""
    values = rehearsal.values or ((),)
    many = max(len(rehearsal.categories), len(values)) if rehearsal.categories else 0
    return [
        Row("", category, Verdict.LABELED, "", rehearsal.model, SOME_BATCH, SOME_TIME, 1000, 10, each, SOME_HASH)
        for category, each in islice(zip(cycle(rehearsal.categories), cycle(values), strict=False), many)
    ]


def failures_of(rehearsal: Rehearsal) -> list[Row]:
    """A row for each verdict that has no category."""
    return [
        Row("", None, verdict, "api_error")
        if verdict.is_unsent
        else Row("", None, verdict, "api_error", rehearsal.model, SOME_BATCH, SOME_TIME, hash=SOME_HASH)
        for verdict in Verdict
        if verdict.figure is not Figure.LABELED
    ]


def dealt(rows: Sequence[Row], ids: Sequence[str], at_least: int = 0) -> Iterator[list[Row]]:
    """All the rows, some repeated if more are needed, each under an id that no other row of its part has."""
    many = list(islice(cycle(rows), max(len(rows), at_least))) if rows else []
    for start in range(0, len(many), len(ids)):
        yield [replace(row, id=ticket_id, same_as=ticket_id) for ticket_id, row in zip(ids, many[start:], strict=False)]


def write(transfer: Transfer, rows: Sequence[Row]) -> None:
    transfer.clear()
    transfer.stage(rows)
    transfer.write()


def write_and_read_back(transfer: Transfer, labels: Sequence[Row]) -> None:
    """Reads back, since a count of rows proves nothing: a trigger may restore the old row.

    Raises:
        Stalled: a label is missing afterwards.
    """
    transfer.clear()
    transfer.stage(labels)
    before = transfer.categories()
    transfer.write()
    dropped = dropped_of(labels, before, transfer.categories(), leave=transfer.mode == "Update")
    if dropped:
        raise transfer.stalled(
            f"table {transfer.layout.table.name!r} does not keep what is written: of {len(labels):,} labels "
            f"{len(dropped):,} were not there when they were read back, as of {listed(dropped[:EXAMPLES])}. Row-level "
            "security, a trigger or a rule drops them: allow the URL's user to write these rows",
            Reason.LABELS_DROPPED,
        )


def dropped_of(
    labels: Sequence[Row], before: dict[str, str | None], after: dict[str, str | None], *, leave: bool
) -> list[str]:
    """Ids of labels that the table has not kept. It may change their spelling, as long as they stay different.

    `leave`: rows may have left the visible part, such as a view of rows without a category.
    """
    written: dict[str, set[str]] = {}
    for row in labels:
        if (kept := after.get(row.id)) is not None:
            written.setdefault(kept, set()).add(folded(row.category))
    dropped = []
    for row in labels:
        kept, wanted = after.get(row.id), folded(row.category)
        if row.id not in after:
            lost = not (leave and row.id in before)
        else:
            another = folded(kept) != wanted
            lost = kept is None or (another and (kept == before.get(row.id) or len(written[kept]) > 1))
        if lost:
            dropped.append(row.id)
    return dropped


def fillable_ids(transfer: Transfer, rehearsal: Rehearsal, most: int) -> Sequence[str]:
    """Ids of rows that an Update fills: staged tickets' ids, else some of the table.

    Raises:
        Stalled: no staged id has a row, or no row of the table is left to be filled.
    """
    statements = transfer.statements
    if ids := staged_ids(transfer, statements.found(empty=True), most):
        return ids
    table = transfer.layout.table.name
    if not staged_ids(transfer, statements.found(empty=False), 1):
        raise transfer.stalled(
            f"none of the first {len(rehearsal.ids)} tickets has a row in table {table!r}, whose {transfer.layout.key} "
            f"is to be the ticket's id: {listed(rehearsal.ids[:EXAMPLES])}",
            Reason.NO_ROW_FOR_TICKETS,
        )
    found = transfer.session.rows(f"{statements.fillable()} LIMIT {most}", most)
    if found:
        family = transfer.session.family
        return list(dict.fromkeys(joined([as_text(part, family) for part in parts]) for parts in found))
    raise transfer.stalled(
        f"no row of table {table!r} is without a category (NULL), and others are not filled; "
        "overwrite: true in a new resource fills all",
        Reason.NOTHING_TO_FILL,
    )


def staged_ids(transfer: Transfer, statement: str, most: int) -> Sequence[str]:
    """Each id once, however many rows it has."""
    found = transfer.session.rows(f"{statement} LIMIT {most}", most)
    return list(dict.fromkeys(as_sent(each) for (each,) in found))
