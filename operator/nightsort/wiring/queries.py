"""Finds out whether a source's query leaves out the labels of its run."""

from __future__ import annotations

from nightsort.api.spec import Spec


def finds_unlabeled_again(spec: Spec) -> bool:
    """See `adapters.sql.unlabeled`; the parser, whose import takes half a second, is imported for a database alone."""
    if spec.source.database is None or spec.results.database is None:
        return False
    from nightsort.adapters.sql import unlabeled

    return unlabeled.finds_unlabeled_again(spec)
