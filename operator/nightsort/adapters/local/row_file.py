"""Results of local mode in place of ConfigMaps: one file of all rows, whatever their number, and a summary."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from nightsort.adapters.local.config_maps import MARK, FileConfigMaps, Mark
from nightsort.api.resource import Meta
from nightsort.api.results import ConfigMapResults
from nightsort.domain.answer import Row
from nightsort.domain.errors import Stalled
from nightsort.domain.fields import AskedField
from nightsort.domain.reasons import Reason
from nightsort.domain.second import columns_of
from nightsort.domain.stored import EvaluationReport, Rehearsal, Stored, Summary
from nightsort.formats.evaluations import FILE as EVALUATION
from nightsort.formats.evaluations import evaluation_of
from nightsort.formats.row_files import rows_of
from nightsort.formats.rows import FORMATS, Beside, DamagedFile, FileFormat, Record, form_of, readable, summary_of
from nightsort.system.files import replacement_of, write_whole
from nightsort.system.opening import Opening

SUMMARY = "summary.json"
PAGE = 1000


class RowFileKind:
    """Opens `spec.results.configMap` in local mode."""

    async def sink(self, opening: Opening, spec: ConfigMapResults) -> RowFile:
        store = opening.config_maps
        assert isinstance(store, FileConfigMaps)  # noqa: S101 - the ConfigMaps of local mode
        asked, meta = opening.resource.spec, opening.resource.meta
        deduped, of_set = asked.dedupe == "Exact", asked.category_set_ref is not None
        return RowFile(store, meta, spec, columns_of(asked), deduped=deduped, of_set=of_set)


class RowFile:
    """Implements `ports.Sink` over the file FOLDER/<namespace>/<name>/results.jsonl, or `.csv`."""

    def __init__(
        self,
        store: FileConfigMaps,
        owner: Meta,
        results: ConfigMapResults,
        fields: Sequence[AskedField] = (),
        *,
        deduped: bool = False,
        of_set: bool = False,
    ) -> None:
        """`deduped`: rows say whose copies they are. `of_set`: they have the hash of a CategorySet."""
        self._store, self._owner = store, owner
        self._name = results.name or f"{owner.name}-results"
        self._form = form_of(results.format, fields, Beside(deduped=deduped, of_set=of_set))
        self._folder = store.folder_of(owner.namespace, self._name)

    async def check(self, rehearsal: Rehearsal) -> None:
        await asyncio.to_thread(self._is_claimed)

    async def claim(self) -> None:
        await asyncio.to_thread(self._claim)

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        fresh = {row.id: self._form.of(row) async for page in rows for row in page}
        await asyncio.to_thread(self._write, fresh)
        return self._stored

    async def report(self, report: EvaluationReport) -> None:
        await asyncio.to_thread(self._claim)
        content = readable(evaluation_of(report)).encode()
        await asyncio.to_thread(write_whole, self._folder / EVALUATION, content)

    async def finish(self, summary: Summary) -> Stored:
        await asyncio.to_thread(self._claim)
        text = readable(summary_of(summary))
        await asyncio.to_thread(write_whole, self._folder / SUMMARY, text.encode())
        return self._stored

    @property
    def _stored(self) -> Stored:
        return Stored({"config_maps": (self._name,)})

    def _is_claimed(self) -> bool:
        """Whether the name is this resource's. Raises Stalled: it is another's."""
        owner = self._store.owner_of(self._owner.namespace, self._name)
        if owner is not None and owner[0] != self._owner.uid:
            whose = f"it is of {owner[1]}" if owner[1] else "it is in the manifest file"
            raise Stalled(
                f"ConfigMap {self._name} exists and does not belong to this resource: {whose}. Remove it, or name "
                "another one in results.configMap.name of a new resource",
                reason=Reason.RESULTS_NAME_TAKEN,
            )
        return owner is not None

    def _claim(self) -> None:
        """The mark comes last: a folder without it belongs to nobody."""
        with self._store.writing:
            if not self._is_claimed():
                write_whole(self._folder / self._form.key, self._form.header.encode())
                mark = Mark(
                    self._owner.namespace, self._owner.uid, 1, [self._form.key, SUMMARY, EVALUATION], self._owner.name
                )
                write_whole(self._folder / MARK, msgspec.json.encode(mark))

    def _write(self, fresh: Mapping[str, Record]) -> None:
        self._claim()
        path = self._folder / self._form.key
        try:
            with replacement_of(path) as file:
                file.write(self._form.header.encode())
                file.writelines(record.encode() for record in merged(path, self._form, dict(fresh)))
        except DamagedFile as damage:
            raise damaged(path, damage) from None


def merged(path: Path, form: FileFormat, fresh: dict[str, Record]) -> Iterator[str]:
    """The records of a file with these: known ids keep their place, new ones go to the end.

    A record without a category never replaces one that has one.
    """
    for ticket_id, before in records_in(path, form.scan, form.newline):
        after = fresh.pop(ticket_id, None)
        kept = after is None or (not after.has_category and form.has_category(before))
        yield before if kept or after is None else after.text
    yield from (record.text for record in fresh.values())


def records_in(path: Path, scan: Callable[..., Iterator[tuple[str, str]]], newline: str) -> Iterator[tuple[str, str]]:
    try:
        with path.open(encoding="utf-8", newline=newline) as file:
            yield from scan(file)
    except FileNotFoundError:
        return
    except UnicodeDecodeError:
        raise DamagedFile("it is not UTF-8") from None


def pages_of(folder: Path) -> Iterator[Sequence[Row]]:
    """The rows of a folder of results, page by page.

    Raises:
        Stalled: it is missing, or has a line that is no row.
    """
    form = next((one for one in FORMATS.values() if (folder / one.key).exists()), FORMATS["jsonl"])
    path = folder / form.key
    try:
        with path.open(encoding="utf-8", newline=form.newline) as file:
            rows = rows_of(file, form.ending)
            while page := list(islice(rows, PAGE)):
                yield page
    except DamagedFile as damage:
        raise damaged(path, damage) from None
    except OSError as error:
        raise Stalled(f"cannot read {path}: {error.strerror}", reason=Reason.NOT_READABLE) from error


def damaged(path: Path, damage: DamagedFile) -> Stalled:
    return Stalled(f"{path}: {damage}; somebody has changed it. Mend or remove the line", reason=Reason.RESULTS_DAMAGED)
