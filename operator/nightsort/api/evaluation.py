"""What a user asks for before anything is published: `spec.evaluation`, a comparison with known categories."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from nightsort.api.columns import Column
from nightsort.api.model import IMMUTABLE, Model, rules
from nightsort.api.object_store import ObjectStoreSource
from nightsort.api.source import ConfigMapSource, DatabaseSource, Source

DEFAULT_COLUMN = "category"
ONE_SET = "known tickets are in one of configMap, objectStore, database"
NO_COLUMN = "needs the column of the source with the known categories, or one of configMap, objectStore, database"
MOST_KNOWN = 2_000
"""Known tickets that are bought at the most: their interval is about one per cent wide on each side."""


def below_one(value: str) -> str:
    if Decimal(value) >= 1:
        raise ValueError("must be below 1: no sample can show that every label is right")
    return value


Share = Annotated[
    str,
    StringConstraints(max_length=8, pattern=r"^(0|1|0\.[0-9]{1,4}|1\.0{1,4})$"),
    AfterValidator(below_one),
    Field(
        json_schema_extra=rules(("double(self) < 1.0", "must be below 1: no sample can show that every label is right"))
    ),
]
"""A share between 0 and 1 as text."""


SETS = ("config_map", "object_store", "database")


class Truth(Model):
    """Where the known categories are: in a column of the source, or in a set of tickets of its own."""

    column: Column | None = None
    """The column with the category that a person has given; empty where nobody has. In a set by default `category`."""
    config_map: ConfigMapSource | None = None
    """A file of known tickets in a ConfigMap. Its ids must not be those of the source's tickets."""
    object_store: ObjectStoreSource | None = None
    """Files of known tickets in a bucket."""
    database: DatabaseSource | None = None
    """A query for known tickets."""

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column or DEFAULT_COLUMN

    @property
    def is_given(self) -> bool:
        """Whether it says where known categories are."""
        return self.column is not None or self.own_set is not None

    @property
    def own_set(self) -> Source | None:
        """The source of the known tickets, where it is not the run's own."""
        found = {kind: part for kind in SETS if (part := getattr(self, kind)) is not None}
        return Source.model_validate(found) if found else None

    @model_validator(mode="after")
    def _known_tickets_are_in_one_place(self) -> Truth:
        sets = [kind for kind in SETS if getattr(self, kind) is not None]
        if len(sets) > 1:
            raise ValueError(ONE_SET)
        return self

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("[has(self.configMap), has(self.objectStore), has(self.database)].filter(x, x).size() <= 1", ONE_SET)
        )
    )


def immutable(**more: Any) -> Any:
    return Field(json_schema_extra=IMMUTABLE, **more)


class Evaluation(Model):
    """Tickets with a known category travel first; below the threshold nothing more is bought and nothing published."""

    truth: Truth = immutable(default=Truth())
    """Where the known categories are. It may be left out where the resource names a CategorySet that has some."""
    sample: Annotated[int, Field(ge=1, le=MOST_KNOWN)] = immutable(default=300)
    """How many known tickets are bought for it, spread evenly over the categories."""
    min_accuracy: Share | None = immutable(default=None)
    """The least accuracy, such as "0.90", that the lower end of the 95 % interval must reach. Without it the figures
    are told, and decide nothing."""
    on_failure: Literal["Hold", "Fail", "Report"] = immutable(default="Hold")
    """What happens below minAccuracy: Hold waits for `release`, Fail ends the run, Report goes on."""
    release: bool = False
    """A person's word that a held run goes on. It cannot be taken back once the run has gone on."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.minAccuracy) == has(oldSelf.minAccuracy)",
                "minAccuracy is immutable. Create another resource instead",
            ),
        )
    )
