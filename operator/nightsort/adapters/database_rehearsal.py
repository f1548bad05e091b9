"""A write into the table of the results as it will be, in a transaction that is never committed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import cycle

from msgspec.structs import replace

from nightsort.adapters.database_statements import as_text
from nightsort.adapters.database_tables import can_undo
from nightsort.adapters.database_transfer import Transfer
from nightsort.adapters.databases import listed
from nightsort.domain.answer import Row, Verdict
from nightsort.ports import Rehearsal

EXAMPLES = 3
SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)
NEVER_SENT = (Verdict.CANCELED, Verdict.UNSENDABLE)


def rehearse(transfer: Transfer, rehearsal: Rehearsal) -> None:
    """Writes a row for each category and verdict, under ids of the source; the caller takes it back.

    Raises:
        Stalled: a value does not fit, ids collide, or an Update would find no row to fill.
    """
    rows = rows_of(rehearsal)
    transfer.stage([replace(row, id=ticket_id) for ticket_id, row in zip(rehearsal.ids, cycle(rows), strict=False)])
    transfer.refuse_two_as_one()
    ids = fillable_ids(transfer, rehearsal, len(rows)) if transfer.mode == "Update" else rehearsal.ids
    if not can_undo(transfer.session, transfer.table):
        return
    for start in range(0, len(rows), len(ids)):
        some = [replace(row, id=ticket_id) for ticket_id, row in zip(ids, rows[start:], strict=False)]
        with transfer.session.undone():
            transfer.clear()
            transfer.stage(some)
            transfer.write(len(some))


def rows_of(rehearsal: Rehearsal) -> list[Row]:
    """What a run may store of a ticket: each category, and each verdict that comes without one."""
    labeled = [
        Row("", category, Verdict.LABELED, "", rehearsal.model, "msgbatch_rehearsed", SOME_TIME, 1000, 10)
        for category in rehearsal.categories
    ]
    failed = [
        Row("", None, verdict, "api_error")
        if verdict in NEVER_SENT
        else Row("", None, verdict, "api_error", rehearsal.model, "msgbatch_rehearsed", SOME_TIME)
        for verdict in Verdict
        if verdict is not Verdict.LABELED
    ]
    return labeled + failed


def fillable_ids(transfer: Transfer, rehearsal: Rehearsal, most: int) -> Sequence[str]:
    """Ids whose rows an Update fills: tickets' of those that are staged, else some of the table.

    Raises:
        Stalled: no staged id has a row, or no row of the table is still to be filled.
    """
    statements = transfer.statements
    if ids := asked(transfer, statements.found(empty=True), most):
        return ids
    if not asked(transfer, statements.found(empty=False), 1):
        raise transfer.stalled(
            f"none of the first {len(rehearsal.ids)} tickets has a row in table {transfer.table!r}, whose column "
            f"{statements.id.name!r} is to be the ticket's id: {listed(rehearsal.ids[:EXAMPLES])}",
            "NoRowForTickets",
        )
    if ids := asked(transfer, statements.fillable(), most):
        return ids
    raise transfer.stalled(
        f"no row of table {transfer.table!r} is without a category (NULL), and others are not filled; "
        "overwrite: true in a new resource fills all",
        "NothingToFill",
    )


def asked(transfer: Transfer, statement: str, most: int) -> Sequence[str]:
    """Each id once, however many rows have it."""
    session = transfer.session
    found = session.run(f"{statement} LIMIT {most}").scalars()
    return list(dict.fromkeys(as_text(each, session.family) for each in found))
