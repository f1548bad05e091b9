"""Reports for tests of pages: a small one, and one that is as wide and as odd as a page may get."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from nightsort.api.cost import Cost
from nightsort.api.evaluated import CategoryAccuracy, ConfusionCount, EvaluationStatus, ShareInterval
from nightsort.api.reviewed import ReviewStatus
from nightsort.api.spec import Spec
from nightsort.domain.answer import Verdict
from nightsort.report.figures import MOST_UNUSABLE, Report, Run, Sample, Unusable

NIGHT = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
HOSTILE = (
    "</td></table><script src=https://evil.example/x>alert(1)</script><img onerror=\"x\" src='y'>&lt;\u202e\x1b[2J\x00"
)


def spec(*categories: str, **prompt: str) -> Spec:
    return Spec.model_validate(
        {
            "model": "claude-haiku-5-5",
            "source": {"inline": {"tickets": []}},
            "categories": [{"name": name} for name in categories or ("billing", "technical")],
            "prompt": prompt,
        }
    )


def cost(actual: str, standard: str) -> Cost:
    return Cost(actual_usd=actual, standard_usd=standard, prices_of="2026-11-22")


def report(**more: object) -> Report:
    made = Report(
        file="tickets.csv",
        made_at=NIGHT,
        simulated=False,
        spec=spec(),
        categories={"billing": 1, "technical": 2},
        without={"(none: unknown)": 1, "(none: failed)": 2, "(not asked)": 1},
        verdicts={"Labeled": 3, "Unknown": 1, "Refused": 2, "(not asked)": 1},
        unusable=[
            Unusable("7", Verdict.UNKNOWN, "the answer 'My card is 4711' is none of the categories"),
            Unusable("8", Verdict.REFUSED, "the model refused to answer"),
            Unusable("9", Verdict.REFUSED, "the model refused to answer"),
        ],
        all_unusable=3,
        samples={"billing": [Sample("1")], "technical": [Sample("2"), Sample("3")]},
        runs=[Run(NIGHT, 7, cost("0.0123", "0.0246"))],
    )
    return replace(made, **more)  # type: ignore[arg-type]


def crowded_report() -> Report:
    """Long names without a space, hostile words, many categories, a month of nights and a night of unknown cost."""
    names = [f"{number}-{'a_category_without_a_space_' * 3}"[:64] for number in range(30)]
    return report(
        file=f"{'an-export-with-a-long-name' * 5}.csv",
        simulated=True,
        spec=spec(*names, instructions=HOSTILE.replace("\x00", ""), template=f"{'x' * 500} $body"),
        categories={name: (30 - place) * 3701 for place, name in enumerate(names)} | {HOSTILE: 1},
        verdicts={Verdict.LABELED: 1_720_965, "Unknown, with the category of unknownLabel": 5, Verdict.UNSENDABLE: 4},
        unusable=[
            Unusable("9" * (1 + number), verdict, HOSTILE)
            for number, verdict in enumerate(list(Verdict) * (MOST_UNUSABLE // len(Verdict)))
        ],
        all_unusable=1234,
        samples={names[0]: [Sample("8" * 200, HOSTILE), Sample("2", "no_space" * 100)]},
        runs=[
            Run(
                NIGHT - timedelta(days=day),
                30_000 + day,
                Cost() if day == 3 else cost("104.801", "209.602"),
                f"{'a-run' * (day % 50)}",
            )
            for day in range(40)
        ],
        with_text=True,
        evaluation=EvaluationStatus(
            sample=300,
            known=300,
            correct=270,
            accuracy="0.9000",
            interval=ShareInterval(low="0.8609", high="0.9291"),
            categories=tuple(
                CategoryAccuracy(name=name, precision="0.9", recall="0.9", f1="0.9", support=10) for name in names
            ),
            confusions=(ConfusionCount(truth=names[0], label=names[1], tickets=3),),
            matrix=" ".join(f"{place}:{place}=9 {place}:-=1" for place in range(len(names))),
        ),
        review=ReviewStatus(read=40, agreed=30, disagreed=10, unread=2, message=HOSTILE, cost_usd="0.0100"),
        fields={f"{'a_field' * 9}": {**{f"{'value' * 12}{number}": 3 for number in range(20)}, HOSTILE: 4}},
        notes=["a-run is Processing: waiting for 1 batch of 3 requests.", HOSTILE],
        about=[("tickets from", f"s3://{'bucket' * 20}/")],
    )
