"""What the query of a source says of the labels of its run."""

from __future__ import annotations

from nightsort.api.spec import DatabaseResults, DatabaseSource


def skips_labeled(source: DatabaseSource, results: DatabaseResults, family: str | None = None) -> bool:
    """Whether the query surely leaves out the tickets whose category stands in the table of the results.

    Without `family`, the kind of database, whatever kind it is.
    """
    from nightsort.adapters.query_conditions import Labels
    from nightsort.adapters.query_conditions import skips_labeled as skips

    labels = Labels(results.table, results.columns.id, results.columns.category)
    return skips(source.query, source.columns.id, labels, family)
