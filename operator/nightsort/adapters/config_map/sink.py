"""Results as files in ConfigMaps that belong to the resource: NAME, and NAME-1, NAME-2 … for what does not fit.

NAME also holds `index.json`, which names the parts, and at the end `summary.json`. A crash between two writes loses no
row: rows stay in their part, the index names only existing parts, and the others are found by their names where it
says that there will be several. A number that another owner has taken since the run began is skipped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from nightsort.api.resource import Meta
from nightsort.api.results import ConfigMapResults
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Conflict, Rejected, Stalled, Waiting
from nightsort.domain.fields import AskedField
from nightsort.domain.reasons import Reason
from nightsort.domain.stored import EvaluationReport, Rehearsal, Stored, Summary
from nightsort.formats import bounded_json
from nightsort.formats.evaluations import FILE as EVALUATION
from nightsort.formats.evaluations import evaluation_of
from nightsort.formats.rows import (
    FULL_PART,
    Beside,
    DamagedFile,
    Part,
    Record,
    form_of,
    merge,
    readable,
    size_of,
    summary_of,
)
from nightsort.ports import ConfigMaps

PLANNED_PARTS = 16
"""Rows beyond this many are refused at the start: a database serves such results better."""
MOST_PARTS = 64
"""Rows that turn out longer than planned are still delivered."""
MOST_NUMBERS = 4 * MOST_PARTS
"""Numbers that are tried to find a free one."""
MOST_NAME_CHARS = 250
MOST_REPORT_CHARS = 240
TRIES = 5
INDEX, SUMMARY = "index.json", "summary.json"
PLANNED = "plannedParts"
"""In the index: how many parts there will be once a write is whole."""


class ConfigMapRows:
    """Sink over the ConfigMaps of one resource."""

    def __init__(
        self,
        config_maps: ConfigMaps,
        owner: Meta,
        results: ConfigMapResults,
        fields: Sequence[AskedField] = (),
        *,
        deduped: bool = False,
        of_set: bool = False,
    ) -> None:
        """`deduped`: rows say whose copies they are. `of_set`: they have the hash of a CategorySet."""
        self._config_maps = config_maps
        self._owner = owner
        self._name = results.name or f"{owner.name}-results"
        self._form = form_of(results.format, fields, Beside(deduped=deduped, of_set=of_set))

    async def check(self, rehearsal: Rehearsal) -> None:
        if len(self._name) > MOST_NAME_CHARS:
            raise Rejected(
                f"{self._name} is too long for a ConfigMap and its parts: name one in results.configMap.name",
                reason=Reason.RESULTS_NAME_TOO_LONG,
            )
        parts = -(-await self._expected_bytes(rehearsal) // FULL_PART)
        if parts > PLANNED_PARTS:
            raise Rejected(
                f"the results of {rehearsal.tickets:,} tickets would need {parts:,} ConfigMaps, more than "
                f"{PLANNED_PARTS}: use results.database, or several resources",
                reason=Reason.RESULTS_TOO_LARGE,
            )
        for number in range(max(1, parts)):
            await self._read(number)

    async def _expected_bytes(self, rehearsal: Rehearsal) -> int:
        """Bytes of all rows; the ids are read only where rows with ordinary ids would fit."""
        expected = rehearsal.tickets * self._form.typical
        if rehearsal.all_ids is None or expected > PLANNED_PARTS * FULL_PART:
            return expected
        async for page in rehearsal.all_ids():
            expected += sum(max(size_of(self._form.record(bare(each))) - self._form.typical, 0) for each in page)
        return expected

    async def claim(self) -> None:
        """Makes the first ConfigMap, empty. The store lets only one resource create it, so that only one goes on."""
        for _ in range(TRIES):
            try:
                await self._put(self._blank(0), {self._form.key: self._form.header, INDEX: self._index([], [], ())})
            except Conflict:  # it is there: by an earlier try, or of somebody else
                if await self._read(0) is None:
                    continue
            return
        raise self._contended()

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        fresh = {row.id: self._form.of(row) async for page in rows for row in page}
        return await self._store(fresh)

    async def finish(self, summary: Summary) -> Stored:
        return await self._store({}, {SUMMARY: readable(summary_of(summary))})

    async def report(self, report: EvaluationReport) -> None:
        """Into a ConfigMap of its own, since the first one may be full of rows."""
        name, content = f"{self._name[:MOST_REPORT_CHARS]}-evaluation", readable(evaluation_of(report))
        for _ in range(TRIES):
            found = await self._config_maps.read(self._owner.namespace, name)
            if found is not None and not self._is_own(found):
                raise self._taken(found)
            try:
                await self._put(found or ConfigMap(name, {}), {EVALUATION: content})
            except Conflict:
                continue
            return
        raise self._contended()

    async def _store(self, fresh: Mapping[str, Record], beside: Mapping[str, str] | None = None) -> Stored:
        """Merges records into the parts; reads and merges again after a concurrent write."""
        for _ in range(TRIES):
            try:
                return await self._merge(fresh, beside or {})
            except Conflict:
                continue
        raise self._contended()

    def _contended(self) -> Waiting:
        return Waiting(f"ConfigMap {self._name} is being changed by somebody else", reason=Reason.RESULTS_CONFLICT)

    async def _merge(self, fresh: Mapping[str, Record], beside: Mapping[str, str]) -> Stored:
        kept = await self._load()
        merged = merge([self._part(config_map) for config_map in kept], fresh, self._form)
        if len(merged) > MOST_PARTS:
            raise Rejected(f"the results need more than {MOST_PARTS} ConfigMaps", reason=Reason.RESULTS_TOO_LARGE)
        while len(kept) < len(merged):
            kept.append(await self._next(kept[-1]))
        names = [config_map.name for config_map in kept]
        there = {0} | {number for number, config_map in enumerate(kept) if config_map.version}
        index = self._index(merged, names, there)
        first = await self._put(kept[0], {self._form.key: merged[0].text, INDEX: index, **beside})
        for before, part in zip(kept[1:], merged[1:], strict=True):
            await self._put(before, {self._form.key: part.text})
        await self._put(first, {INDEX: self._index(merged, names, range(len(merged)))})
        return Stored({"config_maps": tuple(names)})

    async def _load(self) -> list[ConfigMap]:
        """The parts, at least the first; a part that does not exist, or was deleted, has no version.

        Numbers whose ConfigMap belongs to another owner are left out: the index names the parts. Further parts are
        looked for unless the index says that there is none: a process may have ended before it could list them.
        """
        first = await self._read(0)
        if first is not None and planned_of(first.data.get(INDEX, "")) in (0, 1):
            return [first]
        found: list[ConfigMap] = []
        missing = number = 0
        while missing < 2 and len(found) < MOST_PARTS and number < MOST_NUMBERS:
            config_map = await self._find(number) if number else first
            if not number or config_map is None or self._is_own(config_map):
                missing = 0 if config_map else missing + 1
                found.append(config_map or self._blank(number))
            number += 1
        while len(found) > 1 and not found[-1].version:
            found.pop()
        return found

    async def _next(self, last: ConfigMap) -> ConfigMap:
        """A new part behind the last one, under the first free number."""
        number = 1 + int(last.name.removeprefix(self._name).removeprefix("-") or 0)
        while number < MOST_NUMBERS and (found := await self._find(number)) is not None and not self._is_own(found):
            number += 1
        if number == MOST_NUMBERS:
            await self._read(number - 1)
        return self._blank(number)

    async def _read(self, number: int) -> ConfigMap | None:
        found = await self._find(number)
        if found is not None and not self._is_own(found):
            raise self._taken(found)
        return found

    def _taken(self, found: ConfigMap) -> Stalled:
        whose = f"it is of {found.holder}" if found.holder else "no ClassificationBatch owns it"
        return Stalled(
            f"ConfigMap {found.name} exists and does not belong to this resource: {whose}. Remove it, or name "
            "another one in results.configMap.name of a new resource",
            reason=Reason.RESULTS_NAME_TAKEN,
        )

    async def _find(self, number: int) -> ConfigMap | None:
        return await self._config_maps.read(self._owner.namespace, self._name_of(number))

    def _is_own(self, config_map: ConfigMap) -> bool:
        return config_map.owner_uid == self._owner.uid

    async def _put(self, before: ConfigMap, data: Mapping[str, str]) -> ConfigMap:
        """Writes the differences, if there are any."""
        after = {**before.data, **data}
        if before.version and after == before.data:
            return before
        return await self._config_maps.write(self._owner, ConfigMap(before.name, after, before.version))

    def _part(self, config_map: ConfigMap) -> Part:
        try:
            return Part.of(self._form, config_map.data.get(self._form.key, ""))
        except DamagedFile as damage:
            raise Stalled(
                f"ConfigMap {config_map.name}, key {self._form.key}: {damage}; somebody has changed it. Mend or remove "
                "the line",
                reason=Reason.RESULTS_DAMAGED,
            ) from None

    def _index(self, parts: Sequence[Part], names: Sequence[str], numbers: Collection[int]) -> str:
        listed = [
            {"configMap": names[number], "key": self._form.key, "rows": len(parts[number].records)}
            for number in sorted(numbers)
        ]
        rows = sum(len(parts[number].records) for number in numbers)
        return readable({"rows": rows, PLANNED: len(parts), "parts": listed})

    def _blank(self, number: int) -> ConfigMap:
        return ConfigMap(self._name_of(number), {})

    def _name_of(self, number: int) -> str:
        return f"{self._name}-{number}" if number else self._name


def planned_of(index: str) -> int | None:
    """How many parts there are once a write is whole; None in an index of an earlier version, or a damaged one."""
    try:
        planned = bounded_json.parsed(index).get(PLANNED)
    except (ValueError, AttributeError):
        return None
    return planned if isinstance(planned, int) else None


def bare(ticket_id: str) -> Row:
    """The smallest row of a ticket: its bytes over the typical size come from the id."""
    return Row(ticket_id, None, Verdict.LABELED)
