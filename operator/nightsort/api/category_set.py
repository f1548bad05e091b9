"""Categories that several resources share: a CategorySet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from nightsort.api.categories import Category, refuse_repeated
from nightsort.api.evaluation import ONE_SET, Truth
from nightsort.api.model import Model, Name, keyed, rules
from nightsort.api.prompt import Text
from nightsort.api.reading import parse_spec

SET_KIND = "CategorySet"
SET_PLURAL = "categorysets"


class CategorySetRef(Model):
    """The CategorySet of the same namespace whose categories a run takes."""

    name: Name
    """Its name."""


class SetTruth(Truth):
    """Tickets whose categories are known, for the evaluation of every resource that asks for one."""

    @model_validator(mode="after")
    def _known_tickets_are_somewhere(self) -> SetTruth:
        if self.own_set is None:
            raise ValueError(ONE_SET)
        return self

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("[has(self.configMap), has(self.objectStore), has(self.database)].filter(x, x).size() == 1", ONE_SET)
        )
    )


class CategorySetSpec(Model):
    """The categories, and what belongs to them."""

    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=200, json_schema_extra=keyed("name"))]
    """What tickets are sorted into, in the order in which the model is told and counts are shown."""
    instructions: Text = ""
    """Added to the system prompt, behind the categories and before the instructions of a resource."""
    truth: SetTruth | None = None
    """Tickets whose categories are known: an evaluation that names none of its own takes these."""

    @model_validator(mode="after")
    def _names_are_distinct(self) -> CategorySetSpec:
        refuse_repeated(self.categories)
        return self

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                # The list around the names makes them small once: once for each pair costs more than is allowed.
                "[self.categories.map(c, c.name.lowerAscii())].all(names, names.all(n, names.exists_one(m, m == n)))",
                "a category is named twice (capitals do not count)",
            )
        )
    )


@dataclass(frozen=True, slots=True)
class CategorySet:
    """A set as it stands at one moment; its generation grows with each change."""

    name: str
    generation: int
    spec: CategorySetSpec

    @classmethod
    def of(cls, manifest: Mapping[str, Any], *, unknown: Literal["forbid", "ignore"] = "forbid") -> CategorySet:
        """Parses a manifest or an API object.

        Raises:
            InvalidResource: with one line for each wrong field.
        """
        spec = parse_spec(manifest, SET_KIND, CategorySetSpec, unknown)
        metadata = manifest.get("metadata") or {}
        return cls(metadata.get("name", ""), metadata.get("generation", 1), spec)
