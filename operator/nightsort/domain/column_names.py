"""The names that exports give to the columns of tickets: messages tell people which of their columns may be meant.

A file without a header has a ticket in its first line, so a name is only repeated where it is known to be one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

IDS = (
    "id, ids, ticket, ticket id, ticket no, ticket nr, ticket number, ticket key, ticketid, ticketnumber, case, "
    "case id, case no, case number, caseid, issue, issue id, issue key, request id, conversation id, number, no, nr, "
    "nummer, ticketnummer, vorgang, vorgangsnummer, key, uid, uuid, guid, oid, external id, record id, numero, "
    "identifiant, num"
)
SUBJECTS = (
    "subject, title, summary, topic, headline, betreff, titel, sujet, objet, asunto, oggetto, onderwerp, ticket subject"
)
BODIES = (
    "body, description, message, text, content, comment, comments, details, question, beschreibung, nachricht, inhalt, "
    "anfrage, contenu, corps, cuerpo, mensaje, descripcion, testo, corpo, bericht, ticket description, ticket body, "
    "latest comment, first comment"
)
OTHERS = (
    "created, created at, created on, date, updated, updated at, closed at, solved at, status, state, priority, type, "
    "group, tags, requester, requester email, requester name, customer, customer id, email, name, from, to, assignee, "
    "channel, source, language, category, product, datum, erstellt, erstellt am, kunde, kategorie, prioritat"
)
KNOWN = {field: frozenset(names.split(", ")) for field, names in (("id", IDS), ("subject", SUBJECTS), ("body", BODIES))}
MOST_NAME_CHARS = 48
NAMES = frozenset[str]().union(*KNOWN.values(), OTHERS.split(", "))


def plain(name: str) -> str:
    """The name in one form: `Ticket-ID`, `ticket_id` and `TICKET ID ` are one name, and so are `_id` and `Id`."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return " ".join(re.sub(r"[\W_]+", " ", "".join(filter(is_no_mark, letters))).split())


def is_no_mark(character: str) -> bool:
    return unicodedata.category(character) not in ("Mn", "Cf")


def meant_by(wanted: str, names: Iterable[str]) -> list[str]:
    """The names that may mean the wanted one: in other letters, else by another name that is known for it."""
    names = [name for name in names if name.strip()]
    same = [name for name in names if plain(name) == plain(wanted)]
    return same or [name for name in names if plain(name) in KNOWN.get(wanted, ())]


def is_name(cell: str) -> bool:
    return plain(cell) in NAMES


def is_header(row: Sequence[str], header: Sequence[str]) -> bool:
    """Whether a row is a header, this one or another file's, rather than a ticket."""
    place = header.index("id")
    if len(row) <= place or any(map(str.isdigit, row[place])) or max(map(len, row)) > MOST_NAME_CHARS:
        return False  # true of nearly all rows; no known name of a column has a digit
    cells = [cell.strip().removeprefix("\ufeff") for cell in row]
    if cells == list(header):
        return True
    names = [plain(cell) for cell in cells if cell]
    columns = {plain(name) for name in header if name}
    return len(names) >= max(len(columns), 2) and not KNOWN["id"].isdisjoint(names) and columns | NAMES >= set(names)
