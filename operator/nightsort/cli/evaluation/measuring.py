"""Labels of the sample become readers with figures, once nothing is under way any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from nightsort.api.batch_record import Usage
from nightsort.api.spec import Spec
from nightsort.cli.evaluation.order import Candidate
from nightsort.cli.evaluation.sampling import Sample
from nightsort.domain.answer import Verdict
from nightsort.domain.cost import UnknownPrice, batch_price, price_of
from nightsort.domain.evaluation import evaluate
from nightsort.domain.prices import PriceTable
from nightsort.domain.recommendation import Reader
from nightsort.wiring.classify import Comparison, Label

THOUSAND = 1000


@dataclass(frozen=True, slots=True)
class Measured:
    """A reader, what it was asked, and its tickets without an answer: the API failed, or it was not asked at all."""

    candidate: Candidate
    reader: Reader
    failed: int
    not_asked: int


def measured(place: int, candidate: Candidate, comparison: Comparison, sample: Sample, prices: PriceTable) -> Measured:
    """The figures of the reader at this place. The comparison has taken the sample."""
    labels = list(comparison.labels())
    pairs = [(known.truths[place], label.category) for known, label in zip(sample.chosen, labels, strict=True)]
    found = evaluate(pairs, [category.name for category in candidate.spec.categories])
    failed = sum(label.verdict is not None and not Verdict(label.verdict).is_answered for label in labels)
    return Measured(
        candidate,
        Reader(candidate.name, pairs, found, per_thousand(labels, candidate.spec, prices)),
        failed,
        sum(label.verdict is None for label in labels),
    )


def per_thousand(labels: Sequence[Label], spec: Spec, prices: PriceTable) -> Decimal | None:
    """The cost of 1,000 tickets as a batch, in USD, by the tokens of the answers that there are.

    It is that of the place which the spec asks for: answers that were bought elsewhere have as many tokens.
    """
    read = [label for label in labels if label.input_tokens]
    try:
        cost = sum((cost_of(label, spec, prices) for label in read), Decimal(0))
    except UnknownPrice:
        return None
    return cost * THOUSAND / len(read) if read else None


def cost_of(label: Label, spec: Spec, prices: PriceTable) -> Decimal:
    """Raises UnknownPrice: the model has no entry in the price table."""
    price = price_of(spec.model, prices, label.input_tokens)
    usage = Usage(input_tokens=label.input_tokens, output_tokens=label.output_tokens)
    return batch_price(usage, price.in_us() if spec.inference_geo == "us" else price)
