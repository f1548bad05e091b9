"""What a query's words tell of the rows that it gives.

Only what is sure counts: no query is parsed here, and whoever asks has to do without an answer to an unusual one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nightsort.api.spec import Spec

# Each character begins one of the two alternatives at most, so that a text is read once from its beginning to its end.
TOKEN = re.compile(r"[\w$]+|[^\w$\s]")
QUOTES_OF_NAMES = frozenset('"`[]')
UNREAD = ("--", "/*", "#", "\\", "$$")
"""Of comments and of literals that end elsewhere than they seem to."""
IS_NULL = ["is", "null"]


def finds_the_unlabeled_again(spec: Spec) -> bool:
    """Whether the query surely gives rows alone that have no category in the table that the run updates.

    Then tickets that get none are given, and bought, again by the next run. Where another column that the run fills
    must be NULL as well, such as the verdict, they are not.
    """
    source, results = spec.source.database, spec.results.database
    if source is None or results is None or results.mode != "Update" or results.url_secret_ref != source.url_secret_ref:
        return False
    tokens = tokens_of(without_literals(source.query))
    if "where" not in tokens or {"or", "union"} & set(tokens):
        return False
    where = tokens.index("where")
    named, asked = tokens[:where], tokens[where + 1 :]
    if tokens_of(results.table.rpartition(".")[2])[0] not in named or places_of(["not", "("], asked):
        return False
    others = results.columns.model_dump(by_alias=False, exclude={"id", "category"}, exclude_none=True)
    return must_be_null(asked, results.columns.category) and not any(
        must_be_null(asked, one) for one in others.values()
    )


def without_literals(query: str) -> str:
    """Nothing where literals cannot be told from the rest."""
    return "" if any(sign in query for sign in UNREAD) else " ".join(query.split("'")[::2])


def tokens_of(text: str) -> Sequence[str]:
    """Names, words and signs in small letters, without the quotes around names."""
    return [token for token in TOKEN.findall(text.lower()) if token not in QUOTES_OF_NAMES]


def must_be_null(tokens: Sequence[str], column: str) -> bool:
    name = tokens_of(column)
    return any(not is_negated(tokens, place) for place in places_of([*name, *IS_NULL], tokens)) if name else False


def places_of(wanted: Sequence[str], tokens: Sequence[str]) -> list[int]:
    size = len(wanted)
    return [place for place in range(len(tokens) - size + 1) if tokens[place : place + size] == wanted]


def is_negated(tokens: Sequence[str], place: int) -> bool:
    """Whether NOT stands before a column, which may be named with its table."""
    while place >= 2 and tokens[place - 1] == ".":
        place -= 2
    return place > 0 and tokens[place - 1] == "not"
