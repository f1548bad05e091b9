"""Maps the words of an answer to one of the declared categories."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from nightsort.api.categories import Category, spelled
from nightsort.domain.answer_forms import inner, keyed, marked
from nightsort.domain.prompt import category_lines
from nightsort.domain.typeset import bare, bare_of, loose_of, typeset, undenied

WHOLE = "end_turn"
UNTOLD = ""
MAYBE_WHOLE = frozenset({UNTOLD, "max_tokens", "stop_sequence"})
"""Stop reasons of answers that may be a whole name; after any other an answer may be incomplete."""
MOST_LAYERS = 6
"""Number of nested forms: a bold name after `Category:` in a quoted block of JSON has four."""
MOST_CHARS = 4_000
"""Characters. The prompt's longest line has 2,500; a longer answer is not searched for forms."""
LIST_MARK = "- "
PIECES = re.compile(r"[\n,]")
JOINED = (re.compile(r"\band\b|[/&+]|\s-+\s"), re.compile(r"\band\b|[-_/&+\s]+"))
"""Separators between names in a row, and between the words of a name."""

Ways = Sequence[tuple[Callable[[str], str], Mapping[str, str | None]]]


class Labels:
    """The categories by every name that an answer may use: names and aliases, and their lines in the prompt.

    An answer is looked up in four ways, one after the other: as it is spelled, as it is typeset, without its
    surroundings, and without regard to hyphens. The first way that knows the answer decides. If several categories
    have the name there, the answer has no category, since there may be `.NET` beside `NET`.
    """

    def __init__(self, categories: Sequence[Category]) -> None:
        named = [(name, category.name) for category in categories for name in (category.name, *category.aliases)]
        names = {bare_of(name) for name, _ in named}
        shown = [
            (line, each.name)
            for each in categories
            for line in lines_of(each)
            if bare_of(each.description) not in names
        ]
        self._spelled = {spelled(name): category for name, category in named}
        self._ways: Ways = [(way, one_meaning(way, named + shown)) for way in (typeset, bare_of, loose_of)]
        self._begun = [(loose_of(name), category) for name, category in named]
        unmarked = [(text, category) for name, category in named for text in without_mark(name)]
        self._unmarked = one_meaning(bare_of, named + unmarked)

    def match(self, answer: str) -> str | None:
        """The category that an answer names; None where it names none, or could mean two."""
        found = self._spelled.get(spelled(answer))
        if found is not None or len(answer) > MOST_CHARS:
            return found
        several = self._one_by_one(answer)
        if several:
            return several.pop() if len(several) == 1 else None
        return self._inside(answer) or self._unmarked.get(bare_of(answer))

    def is_cut(self, answer: str, category: str | None, stop_reason: str) -> bool:
        """Whether an incomplete answer counts neither as a category nor as the lack of one."""
        if stop_reason == WHOLE or (stop_reason == UNTOLD and category is None):
            return False
        return category is None or stop_reason not in MAYBE_WHOLE or self._may_go_on(answer, category)

    def _may_go_on(self, answer: str, category: str) -> bool:
        """Whether the answer may have been about to name another category than this one."""
        begun = {loose_of(text) for text in innermost(pieces_of(answer)[-1])}
        return any(
            other != category and name != text and name.startswith(text)
            for name, other in self._begun
            for text in begun
        )

    def _one_by_one(self, answer: str) -> set[str]:
        """The categories of an answer with several lines or commas, if each part names one; else none."""
        named: set[str] = set()
        pieces = pieces_of(answer)
        for piece in pieces if len(pieces) > 1 else ():
            category = self._inside(piece)
            if category is None:
                return set()
            named.add(category)
        return named

    def _inside(self, text: str) -> str | None:
        """The form's content with the sign before it, which may belong to the name: `- .NET` is not `NET`."""
        return self._through(text, self._ways[:1], MOST_LAYERS) or self._through(text, self._ways, MOST_LAYERS)

    def _through(self, text: str, ways: Ways, layers: int) -> str | None:
        known, found = self._plain(text, ways)
        if known or not layers:
            return found
        form = inner(text)
        if form is None or form.denied:
            return None
        named = {self._through(each, ways, layers - 1) for each in form.texts}
        meant = named.pop() if len(named) == 1 else None
        others = {self._plain(each, self._ways)[1] for each in form.beside} - {None, meant}
        others |= {self._plain(each, self._ways)[1] for each in form.same} - {meant}
        denied = meant in {self._plain(each, self._ways)[1] for each in form.other}
        return None if others or denied else meant

    def _plain(self, text: str, ways: Ways) -> tuple[bool, str | None]:
        """Whether one of the ways knows the text, and the single category that the text means there."""
        found = self._spelled.get(spelled(text))
        if found is not None:
            return True, found
        for way, meant in ways:
            form = way(text)
            if form in meant and not (way is loose_of and self._names_several(text)):
                return True, meant[form]
        return False, None

    def _names_several(self, text: str) -> bool:
        """Whether each word is a category: `billing-refunds` may be both rather than `Billing Refunds`."""
        _, meant = self._ways[1]
        rows = ([bare(word) for word in apart.split(typeset(text)) if bare(word)] for apart in JOINED)
        return any(len(words) > 1 and all(word in meant for word in words) for words in rows)


def one_meaning(way: Callable[[str], str], named: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    """Names by one way of looking them up, each with its category, or with None where several have the name."""
    meant: dict[str, set[str]] = {}
    for name, category in named:
        meant.setdefault(way(name), set()).add(category)
    return {form: category if not others else None for form, (category, *others) in meant.items() if form}


def pieces_of(answer: str) -> list[str]:
    """At least one."""
    return [piece for piece in PIECES.split(answer) if piece.strip()] or [answer]


def lines_of(category: Category) -> Iterator[str]:
    """The category as the prompt shows it, whole or without one of its parts, as a model may repeat it."""
    for shown in (
        category,
        category.model_copy(update={"aliases": ()}),
        category.model_copy(update={"description": ""}),
    ):
        yield next(category_lines(shown)).removeprefix(LIST_MARK)


def without_mark(name: str) -> Iterator[str]:
    """A category may itself be called `1. Billing`, `Category: Billing` or `! Billing`."""
    for form in (marked(name), keyed(name)):
        if form is not None:
            yield from form.texts
    if rest := undenied(name):
        yield rest


def innermost(answer: str) -> Iterator[str]:
    """The answer, and the content of its forms, as long as that is one text."""
    yield answer
    for _ in range(MOST_LAYERS):
        form = inner(answer)
        if form is None or len(form.texts) != 1:
            return
        [answer] = form.texts
        yield answer
