"""The tickets of a file, as they are asked and as they are written back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nightsort.formats.tickets import entries


@dataclass(frozen=True, slots=True)
class TicketFile:
    path: Path
    header: tuple[str, ...]
    template: str
    told: tuple[str, ...] = ()

    def tickets(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            for entry in entries(file, "csv", ()):
                yield entry.fields["id"], entry.fields

    def labeled(self, names: Sequence[str], cells: Iterable[Sequence[str]]) -> Iterator[str]:
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            yield line([*next(reader), *names])
            for row, more in zip(filter(any, reader), cells, strict=True):
                yield line([*row, *more])


def opened(path: Path) -> TicketFile:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = tuple(next(csv.reader(file)))
    return TicketFile(path, header, "Subject: $subject\n\n$body" if "subject" in header else "$body")


def line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def labeled_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}.labeled{path.suffix}")
