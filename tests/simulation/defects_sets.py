"""Deliberate defects of CategorySets: what a run would be that looks at its set more than once."""

from __future__ import annotations

from nightsort.api.category_set import CategorySetSpec
from nightsort.api.category_set_use import CategorySetUse
from nightsort.flow.results import store
from nightsort.flow.run import category_set
from nightsort.flow.run.run import Run
from tests.simulation.defect import Defect
from tests.simulation.scenario import drawn_sets


async def as_it_stands(run: Run, use: CategorySetUse) -> CategorySetSpec | None:
    found = await run.services.category_sets.read(run.resource.meta.namespace, use.name)
    return None if found is None else found.spec


DEFECTS = (
    Defect(
        "a process that begins in the middle reads the set as it stands then",
        r"S1: \S+ has bought \S+ by another version of its set",
        [(category_set, "kept_copy", as_it_stands)],
        scenario=drawn_sets,
    ),
    Defect(
        "rows do not say of which set they are",
        r"S2: rows of \S+ are of other sets",
        [(store, "hash_in_rows", lambda resource: None)],
        scenario=drawn_sets,
    ),
)
