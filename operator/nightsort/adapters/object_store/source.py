"""Tickets from files in object storage, streamed in the order of their names; a cursor is a name, a line, a trail."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial

from nightsort.adapters.object_store.cursor import PLACE, Cursor
from nightsort.adapters.object_store.file import ObjectFile
from nightsort.adapters.object_store.globs import Glob
from nightsort.adapters.object_store.options import StorePolicy
from nightsort.adapters.object_store.store import Folder, refuse_control_characters
from nightsort.api.object_store import ObjectStoreSource
from nightsort.domain.errors import Interruption, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.ticket import Ticket
from nightsort.formats.compression import DamagedArchive
from nightsort.formats.ticket_files import TicketFiles
from nightsort.formats.ticket_list import (
    NO_TRAIL,
    PAGE,
    IdDigests,
    flaw,
    further,
    id_digest,
    used_before,
)
from nightsort.formats.tickets import EMPTY, Entry, InvalidFile, check_fields
from nightsort.formats.unusable import Changing
from nightsort.system.threads import InThread

RIGHTS = "list the bucket and read its objects"
MOST_OBJECTS = 50_000
MOST_TICKETS = 5_000_000
"""Ids: 80 MB during the check. An archive of a few megabytes may hold a billion short ones."""
PAGE_CHARS = 8_000_000
"""Characters: bounds the memory of a page where tickets are long."""
WILDCARD = re.compile(r"[*?]")


class ObjectTickets:
    """Implements `ports.Source`; the objects are listed and read anew by each call.

    `fields` are those that the template names. The check for unique ids takes 16 bytes for each ticket, while it lasts.
    Reading goes on behind a cursor by skipping tickets of its object; their ids are read, to check that they are the
    same: many objects resume faster than one.
    """

    def __init__(
        self,
        source: ObjectStoreSource,
        options: Mapping[str, str],
        fields: Collection[str],
        policy: StorePolicy,
        *,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        """Raises Stalled or Rejected when the policy does not allow the URL; connects to nothing yet."""
        folder, self._pattern = split(source.url)
        refuse_control_characters(self._pattern, PLACE)
        self._folder = Folder(folder, options, policy, place=PLACE, rights=RIGHTS)
        self._in_thread = in_thread
        self._glob = Glob(self._pattern)
        self._files = TicketFiles(source, fields)
        self._fields = fields
        self._count: int | None = None
        self._empty: dict[str, None] = {}

    async def check(self) -> Sequence[str]:
        """Remarks: which of the objects have 0 bytes.

        Raises:
            Waiting: there is no object, or the store cannot be reached. Stalled: an object cannot be used.
        """
        self._empty.clear()
        self._count = await self._in_thread(self._check)
        if not self._empty:
            return ()
        more = f" and {len(self._empty) - 1:,} more of its kind" if len(self._empty) > 1 else ""
        return (f"{PLACE}, object {next(iter(self._empty))}{more}: {EMPTY}",)

    @property
    def description(self) -> str:
        return self._files.found

    async def count(self) -> int:
        """The check's count, else a count by reading everything."""
        if self._count is None:
            self._count = await self._in_thread(lambda: sum(1 for _ in self._entries()))
        return self._count

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        pages = self._pages(after, through)
        while page := await self._in_thread(next, pages, ()):
            yield page

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        """Reads from the start until all are found."""
        return await self._in_thread(self._find, set(ids)) if ids else []

    def _check(self) -> int:
        digests, known, count = IdDigests(), set[str](), 0
        wanted = set(self._fields)
        for _, entry in self._entries():
            digests.add(entry.fields["id"])
            if not wanted <= known:
                known |= wanted & entry.fields.keys()
            count += 1
            if count > MOST_TICKETS:
                raise self._invalid(
                    f"more than {MOST_TICKETS:,} tickets: name fewer objects, and make several resources"
                )
        if count:
            self._check_fields(known)
        repeated = next(digests.repeated(), None)
        if repeated is not None:
            raise self._twice(repeated)
        return count

    def _check_fields(self, known: Collection[str]) -> None:
        try:
            check_fields(self._fields, known)
        except InvalidFile as invalid:
            raise self._invalid(str(invalid)) from None

    def _twice(self, digest: bytes) -> Interruption:
        """Finds the places of an id that was seen twice, by reading again."""
        first: str | None = None
        for name, entry in self._entries():
            ticket_id = entry.fields["id"]
            if id_digest(ticket_id) != digest:
                continue
            if first is not None:
                return self._invalid(f"{place(name, entry)}: {used_before(ticket_id, first)}")
            first = place(name, entry)
        return changing()

    def _pages(self, after: str | None, through: str | None) -> Iterator[Sequence[Ticket]]:
        page: list[Ticket] = []
        chars = 0
        for ticket in self._tickets(after, through):
            page.append(ticket)
            chars += sum(map(len, ticket.fields.values()))
            if len(page) == PAGE or chars > PAGE_CHARS:
                yield page
                page, chars = [], 0
        if page:
            yield page

    def _tickets(self, after: str | None = None, through: str | None = None) -> Iterator[Ticket]:
        if after is not None and after == through:
            return
        last = None if through is None else Cursor.of(through)
        for cursor, entry in self._behind(None if after is None else Cursor.of(after)):
            is_last = last is not None and cursor.place >= last.place
            if last is not None and is_last:
                last.hold(cursor)
            yield Ticket(entry.fields["id"], self._fields_of(entry), cursor.text)
            if is_last:
                return
        if last is not None:
            raise last.changed()

    def _behind(self, last: Cursor | None) -> Iterator[tuple[Cursor, Entry]]:
        """The tickets behind a cursor, once those up to it have proved to be the same."""
        name, trail = "", NO_TRAIL
        for entry_name, entry in self._entries(last):
            trail = further(trail if entry_name == name else NO_TRAIL, entry.fields["id"])
            name = entry_name
            cursor = Cursor(name, entry.number, trail.hex())
            if last is None:
                yield cursor, entry
            elif cursor.place >= last.place:
                last.hold(cursor)
                last = None
        if last is not None:
            raise last.changed()

    def _fields_of(self, entry: Entry) -> Mapping[str, str]:
        """The ticket; its id is a field only where the template names it."""
        return {name: text for name, text in entry.fields.items() if name != "id" or name in self._fields}

    def _find(self, wanted: set[str]) -> Sequence[Ticket]:
        found = []
        for ticket in self._tickets():
            if ticket.id in wanted:
                wanted.discard(ticket.id)
                found.append(ticket)
                if not wanted:
                    break
        return found

    def _entries(self, last: Cursor | None = None) -> Iterator[tuple[str, Entry]]:
        """The tickets with their objects' names, from the object of a cursor on; each single id is valid."""
        for name in self._names():
            if last is not None and name < last.name:
                continue
            for entry in self._parsed(name, last.number if last is not None and name == last.name else 0):
                if wrong := flaw(entry.fields["id"]):
                    raise self._invalid(f"{place(name, entry)}: {wrong}")
                yield name, entry

    def _names(self) -> list[str]:
        """Names in the order of their characters' codes, which no change of locale or store changes."""
        if not WILDCARD.search(self._pattern):
            return [self._checked_name(self._pattern)]
        literal = WILDCARD.split(self._pattern)[0]
        names = []
        # Listing starts just before the literal beginning, since a name equal to it could match too.
        for name, _ in self._folder.names(after=literal[:-1]):
            if self._glob.fits(name):
                names.append(self._checked_name(name))
            if len(names) > MOST_OBJECTS:
                raise self._invalid(f"more than {MOST_OBJECTS:,} objects; name fewer, larger ones")
        if not names:
            raise self._missing()
        return sorted(names)

    def _checked_name(self, name: str) -> str:
        if not Cursor.fits(name):
            raise self._invalid(f"the name of object {name[:64]}… is too long")
        return name

    def _parsed(self, name: str, behind: int) -> Iterator[Entry]:
        with closing(ObjectFile(name, partial(self._fetched, name))) as file:
            try:
                if file.is_empty:
                    self._empty[name] = None
                yield from self._files.entries(file, behind)
            except Changing:
                raise changing() from None
            except InvalidFile as invalid:
                raise self._invalid(f"object {name}, {invalid}") from None
            except DamagedArchive as damage:
                raise self._invalid(f"object {name} {damage}") from None

    def _fetched(self, name: str) -> io.BufferedReader:
        file = self._folder.read(name)
        if file is None:
            raise self._missing()
        return file

    def _missing(self) -> Waiting:
        return Waiting(f"{PLACE}: there is no object {self._pattern}; it may come later", reason=Reason.SOURCE_MISSING)

    def _invalid(self, what: str) -> Stalled:
        return self._folder.stalled(what, Reason.INVALID_SOURCE)


def changing() -> Waiting:
    return Waiting(f"{PLACE}: the objects are being changed", reason=Reason.SOURCE_CHANGING)


def place(name: str, entry: Entry) -> str:
    return f"object {name}, {entry.place}"


def split(url: str) -> tuple[str, str]:
    """The folder before the first wildcard, as a URL, and the pattern to match below it."""
    literal = WILDCARD.split(url)[0]
    at = literal.rindex("/") + 1
    return url[:at], url[at:]
