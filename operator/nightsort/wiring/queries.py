"""Finds out whether a source's query leaves out the labels of its run, and changes what it leaves out."""

from __future__ import annotations

from collections.abc import Collection

from nightsort.api.spec import Spec


def finds_unlabeled_again(spec: Spec) -> bool:
    """See `adapters.sql.unlabeled`; the parser, whose import takes half a second, is imported for a database alone."""
    if spec.source.database is None or spec.results.database is None:
        return False
    from nightsort.adapters.sql import unlabeled

    return unlabeled.finds_unlabeled_again(spec)


def query_without(spec: Spec, ids: Collection[str]) -> str | None:
    """The query of a run that finds what has no category, without these tickets; None where that cannot be said."""
    from nightsort.adapters.sql import unlabeled

    return unlabeled.query_without(spec, ids)
