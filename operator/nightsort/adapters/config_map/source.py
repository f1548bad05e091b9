"""Tickets from a file in a ConfigMap: CSV, a JSON list or JSON lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path

from nightsort.adapters.config_map.content import Content, content_of
from nightsort.api.source import ConfigMapSource
from nightsort.domain.errors import Stalled, Waiting
from nightsort.domain.file_kinds import NOT_UTF8
from nightsort.domain.reasons import Reason
from nightsort.domain.ticket import Ticket
from nightsort.formats.ticket_files import TicketFiles
from nightsort.formats.ticket_list import complaint, cursors, pages
from nightsort.formats.tickets import EMPTY, Entry, InvalidFile, check_fields
from nightsort.formats.unchanged import HeldFile
from nightsort.formats.unusable import Changing
from nightsort.ports import ConfigMaps

MOST_CHARS = 16 * 1024 * 1024
"""Characters of all tickets together: a packed file of 1 MiB may unpack to a thousand times as much."""


class ConfigMapTickets:
    """Source over a key of a ConfigMap, read anew by each call; `fields` are those that the template names.

    A fault in the content stalls rather than fails the run: it can be corrected without touching the resource.
    """

    def __init__(
        self, config_maps: ConfigMaps, namespace: str, source: ConfigMapSource, fields: Collection[str] = ()
    ) -> None:
        self._config_maps = config_maps
        self._namespace = namespace
        self._source = source
        self._fields = fields
        self._description = ""
        self._where = f"ConfigMap {source.name}, key {source.key}"

    async def check(self) -> Sequence[str]:
        """Remarks: whether the file has 0 bytes.

        Raises:
            Waiting: ConfigMap or key are missing. Stalled: the content cannot be read, or an id is not unique.
        """
        content = await self._content()
        self._parsed(content)
        return () if content.packed else (f"{self._where}: {EMPTY}",)

    @property
    def description(self) -> str:
        return self._description

    async def count(self) -> int:
        return len(await self._read())

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        for page in pages(await self._read(), after, through, self._place):
            yield page

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        wanted = set(ids)
        return [ticket for ticket in await self._read() if ticket.id in wanted]

    async def _read(self) -> list[Ticket]:
        return self._parsed(await self._content())

    def _parsed(self, content: Content) -> list[Ticket]:
        try:
            entries = self._entries(content)
        except InvalidFile as invalid:
            raise self._stalled(str(invalid)) from None
        except Changing:
            raise self._stalled("its characters cannot be read: say how it is encoded with encoding") from None
        if wrong := self._wrong_ids(entries):
            raise self._stalled(wrong)
        marks = cursors(entry.fields["id"] for entry in entries)
        return [
            Ticket(entry.fields["id"], self._fields_of(entry), cursor)
            for entry, cursor in zip(entries, marks, strict=True)
        ]

    def _entries(self, content: Content) -> list[Entry]:
        """All tickets of the file.

        Raises:
            InvalidFile: with the place.
        """
        files = TicketFiles(self._source if content.is_binary else self._source.without_encoding(), self._fields)
        found, chars = [], 0
        for entry in files.entries(HeldFile(Path(self._source.key), content.packed)):
            found.append(entry)
            chars += sum(map(len, entry.fields.values()))
            if chars > MOST_CHARS:
                raise InvalidFile(f"more than {MOST_CHARS:,} characters of tickets; put the file into object storage")
        if found:
            check_fields(self._fields, {name for entry in found for name in entry.fields})
        self._description = files.found
        return found

    def _fields_of(self, entry: Entry) -> Mapping[str, str]:
        """The ticket; its id is a field only where the template names it."""
        return {name: text for name, text in entry.fields.items() if name != "id" or name in self._fields}

    def _wrong_ids(self, entries: Sequence[Entry]) -> str | None:
        return complaint((entry.fields["id"] for entry in entries), lambda position: entries[position].place)

    async def _content(self) -> Content:
        name, key = self._source.name, self._source.key
        found = await self._config_maps.read(self._namespace, name)
        if found is None:
            raise Waiting(f"ConfigMap {name} does not exist; it may come later", reason=Reason.SOURCE_MISSING)
        if content := content_of(found, key):
            return content
        if key in found.binary:
            raise self._stalled(f"line {found.binary[key]}: {found.flaws.get(key, NOT_UTF8)}")
        raise Waiting(f"ConfigMap {name} has no key {key}; it may come later", reason=Reason.SOURCE_MISSING)

    def _place(self, position: int) -> str:
        return f"{self._where}, ticket {position + 1}"

    def _stalled(self, what: str) -> Stalled:
        return Stalled(f"{self._where}, {what}", reason=Reason.INVALID_SOURCE)
