"""What `kubectl nightsort status` and `watch` say of an evaluation."""

from __future__ import annotations

from nightsort.api.evaluated import (
    CategoryAccuracy,
    ConfusionCount,
    EvaluationStatus,
    Outcome,
    ShareInterval,
)
from nightsort.api.status import Status
from nightsort.cli.output.evaluations import evaluation_lines
from nightsort.domain.matrix import in_words


def evaluated(**more: object) -> EvaluationStatus:
    return EvaluationStatus(
        outcome=Outcome.FAILED,
        available=900,
        sample=300,
        known=300,
        correct=240,
        accuracy="0.8000",
        interval=ShareInterval(low="0.7509", high="0.8415"),
        cost_usd="0.0034",
        categories=(
            CategoryAccuracy(name="billing", precision="0.9310", recall="0.8100", f1="0.8663", support=100),
            CategoryAccuracy(name="other", precision="0.0000", recall="0.0000", f1="0.0000", support=3),
        ),
        confusions=(
            ConfusionCount(truth="billing", label="account", tickets=12),
            ConfusionCount(truth="billing", tickets=1),
        ),
    ).model_copy(update=more)


def test_an_evaluation_is_told_in_lines() -> None:
    assert list(evaluation_lines(Status(evaluation=evaluated()))) == [
        (
            "accuracy",
            (
                "240 of 300 known tickets are right: accuracy 80.0 % (75.0 to 84.2 %); not good enough; "
                "$0.0034 of the cost"
            ),
        ),
        ("category", "billing: precision 93.1 %, recall 81.0 %, F1 0.87 (100 known tickets)"),
        ("category", "other: 3 known tickets, too few to say anything"),
        ("confused", "billing as account: 12 tickets"),
        ("confused", "billing as no category: 1 ticket"),
    ]


def test_a_lower_end_that_misses_the_threshold_is_not_shown_as_reaching_it() -> None:
    just_below = evaluated(interval=ShareInterval(low="0.8996", high="0.9512"))

    assert "(89.9 to 95.1 %)" in in_words(just_below)


def test_many_categories_are_cut_and_what_a_person_released_is_said() -> None:
    many = tuple(
        CategoryAccuracy(name=str(number), precision="1.0000", recall="1.0000", f1="1.0000", support=10)
        for number in range(40)
    )
    lines = list(evaluation_lines(Status(evaluation=evaluated(categories=many, confusions=(), released=True))))

    assert len(lines) == 32
    assert lines[-1] == ("category", "10 more in status.evaluation")
    assert "; released by a person; " in lines[0][1]


def test_nothing_is_said_where_nothing_was_evaluated() -> None:
    assert list(evaluation_lines(Status())) == []
    assert list(evaluation_lines(Status(evaluation=EvaluationStatus(available=5)))) == []
