"""The part of `spec.prompt` that says where labelled tickets are, some of which each ticket is shown with."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from nightsort.api.columns import Column
from nightsort.api.model import Model, rules
from nightsort.api.object_store import ObjectStoreSource
from nightsort.api.source import ConfigMapSource, DatabaseSource, Source

ONE_POOL = "needs exactly one of configMap, database, objectStore"
POOLS = ("config_map", "database", "object_store")


class ExamplesFrom(Model):
    """A pool of labelled tickets. Each request has those that resemble its ticket most, with their categories."""

    config_map: ConfigMapSource | None = None
    """A file of labelled tickets in a ConfigMap, with the columns that the template names."""
    database: DatabaseSource | None = None
    """A query for labelled tickets. The pool should stand still while a run is under way; rows may be added."""
    object_store: ObjectStoreSource | None = None
    """Files of labelled tickets in a bucket."""
    column: Column = "category"
    """The column with the category; tickets where it is empty are no examples."""
    k: Annotated[int, Field(ge=1, le=20)] = 5
    """How many examples a ticket gets at the most."""
    max_chars: Annotated[int, Field(ge=1, le=4000)] = 400
    """The text of an example is cut to so many characters."""

    @property
    def source(self) -> Source:
        """The pool as a source of tickets."""
        return Source.model_validate({kind: part for kind in POOLS if (part := getattr(self, kind)) is not None})

    @model_validator(mode="after")
    def _one_pool(self) -> ExamplesFrom:
        if sum(getattr(self, kind) is not None for kind in POOLS) != 1:
            raise ValueError(ONE_POOL)
        return self

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("[has(self.configMap), has(self.database), has(self.objectStore)].exists_one(x, x)", ONE_POOL),
        )
    )
