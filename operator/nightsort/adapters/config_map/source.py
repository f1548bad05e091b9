"""Tickets from a file in a ConfigMap: CSV, a JSON list or JSON lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import get_args

from nightsort.api.model import Format
from nightsort.api.source import ConfigMapSource
from nightsort.domain.errors import Stalled, Waiting
from nightsort.domain.file_kinds import NOT_UTF8
from nightsort.domain.reasons import Reason
from nightsort.domain.ticket import Ticket
from nightsort.formats.ticket_list import complaint, cursors, pages
from nightsort.formats.tickets import EMPTY, Entry, InvalidFile, parse
from nightsort.ports import ConfigMaps

FORMATS: dict[str, Format] = {name: name for name in get_args(Format)}


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
        self._where = f"ConfigMap {source.name}, key {source.key}"
        self._format = source.format or FORMATS[source.key.rsplit(".", 1)[-1]]

    async def check(self) -> Sequence[str]:
        """Remarks: whether the file has 0 bytes.

        Raises:
            Waiting: ConfigMap or key are missing. Stalled: the content cannot be read, or an id is not unique.
        """
        text = await self._text()
        self._parsed(text)
        return () if text else (f"{self._where}: {EMPTY}",)

    async def count(self) -> int:
        return len(await self._read())

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        for page in pages(await self._read(), after, through, self._place):
            yield page

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        wanted = set(ids)
        return [ticket for ticket in await self._read() if ticket.id in wanted]

    async def _read(self) -> list[Ticket]:
        return self._parsed(await self._text())

    def _parsed(self, text: str) -> list[Ticket]:
        try:
            entries = parse(text, self._format, self._fields)
        except InvalidFile as invalid:
            raise self._stalled(str(invalid)) from None
        if wrong := self._wrong_ids(entries):
            raise self._stalled(wrong)
        marks = cursors(entry.fields["id"] for entry in entries)
        return [
            Ticket(entry.fields["id"], self._fields_of(entry), cursor)
            for entry, cursor in zip(entries, marks, strict=True)
        ]

    def _fields_of(self, entry: Entry) -> Mapping[str, str]:
        """The ticket; its id is a field only where the template names it."""
        return {name: text for name, text in entry.fields.items() if name != "id" or name in self._fields}

    def _wrong_ids(self, entries: Sequence[Entry]) -> str | None:
        return complaint((entry.fields["id"] for entry in entries), lambda position: entries[position].place)

    async def _text(self) -> str:
        name, key = self._source.name, self._source.key
        found = await self._config_maps.read(self._namespace, name)
        if found is None:
            raise Waiting(f"ConfigMap {name} does not exist; it may come later", reason=Reason.SOURCE_MISSING)
        if key in found.binary:
            raise self._stalled(f"line {found.binary[key]}: {found.flaws.get(key, NOT_UTF8)}")
        if key not in found.data:
            raise Waiting(f"ConfigMap {name} has no key {key}; it may come later", reason=Reason.SOURCE_MISSING)
        return found.data[key]

    def _place(self, position: int) -> str:
        return f"{self._where}, ticket {position + 1}"

    def _stalled(self, what: str) -> Stalled:
        return Stalled(f"{self._where}, {what}", reason=Reason.INVALID_SOURCE)
