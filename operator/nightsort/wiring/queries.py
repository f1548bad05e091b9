"""What the query of a source says of the labels of its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightsort.api.spec import DatabaseResults, DatabaseSource

if TYPE_CHECKING:
    from nightsort.adapters.query_conditions import Labels


def skips_labeled(source: DatabaseSource, results: DatabaseResults, family: str | None = None) -> bool:
    """Whether the query surely leaves out the tickets whose category stands in the table of the results.

    Without `family`, the kind of database, whatever kind it is.
    """
    from nightsort.adapters.query_conditions import skips_labeled as skips

    labels = labels_of(results)
    return labels is not None and skips(source.query, source.columns.id, labels, family)


def labels_of(results: DatabaseResults) -> Labels | None:
    """Where an Update puts labels; None where no condition for one column of ids can tell what they leave out."""
    from nightsort.adapters.query_conditions import Labels

    if results.mode != "Update" or results.columns.key is not None:
        return None
    return Labels(results.table, results.columns.id, results.columns.category)
