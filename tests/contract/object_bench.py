"""Rows of a run in object storage, as its sink writes them and a reader finds them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nightsort.adapters.object_store.sink import ObjectRows
from nightsort.api.object_store import ObjectStoreResults
from nightsort.api.resource import Meta
from nightsort.domain.fields import AskedField
from tests.contract.object_places import Place

OWNER = Meta("support", "tonight", "uid-1")
FOLDER = "results/tonight"


@dataclass
class Bench:
    """The sink of a run, and its rows as a reader of the index finds them."""

    place: Place
    form: Any = "jsonl"
    owner: Meta = OWNER

    def sink(self, fields: Sequence[AskedField] = ()) -> ObjectRows:
        results = ObjectStoreResults(url=f"{self.place.url}results/", format=self.form)
        return ObjectRows(results, self.place.options, self.place.policy, self.owner, fields)

    def objects(self) -> list[str]:
        """The names of the files with rows."""
        names = [name.removeprefix(f"{FOLDER}/") for name in self.place.objects.names()]
        return [name for name in names if name.startswith("rows-")]

    def records(self, name: str) -> list[dict[str, Any]]:
        text = self.place.objects.get(f"{FOLDER}/{name}").decode()
        if self.form == "csv":
            return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        return [json.loads(line) for line in text.splitlines()]

    def read(self) -> dict[str, tuple[str | None, str]]:
        """Fails when a ticket stands in two places."""
        rows = [row for name in self.objects() for row in self.records(name)]
        found = {row["id"]: (row["category"] or None, row["verdict"]) for row in rows}
        assert len(found) == len(rows)
        return found

    def index(self) -> Any:
        return json.loads(self.place.objects.get(f"{FOLDER}/index.json"))
