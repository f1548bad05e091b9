"""What a person reads who has named a model that cannot be used."""

from __future__ import annotations

from nightsort.domain.model_choice import MOST_SHOWN, choices, closest
from nightsort.domain.prices import PRICE_TABLE

TABLE = PRICE_TABLE


def test_a_misspelled_name_has_the_one_that_is_meant_first() -> None:
    assert closest("claude-haiku-5.5", TABLE.prices)[0] == "claude-haiku-5-5"
    assert closest("gpt-9", TABLE.prices) == []


def test_models_that_are_not_alike_are_ordered_by_their_price() -> None:
    told = choices("gpt-9", ["claude-opus-5", "claude-haiku-4-5", "claude-haiku-5-5", "tomorrows"], TABLE)

    assert told.startswith(
        "There are claude-haiku-5-5 (0.10 / 0.50), claude-haiku-4-5 (1 / 5), claude-opus-5 (5 / 25), tomorrows (price"
    )


def test_a_long_catalogue_is_cut_and_counted() -> None:
    told = choices("gpt-9", [f"model-{number}" for number in range(MOST_SHOWN + 5)], TABLE)

    assert told.count("(price unknown)") == MOST_SHOWN
    assert " and 5 more; " in told


def test_what_is_no_model_id_is_never_repeated() -> None:
    assert choices("gpt-9", ["", "a\x1b[2J", "x" * 65, "two words", "gpt-9"], TABLE) == ""
