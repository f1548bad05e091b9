"""The order on the command line, and the readers that follow from it: each model with each prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from nightsort.api.spec import Spec
from nightsort.cli.classification.order import InvalidOrder, Order, wanted
from nightsort.cli.manifests import category_names
from nightsort.domain.dependence import as_words, settings_of

SAMPLE = 300


@dataclass(frozen=True, slots=True)
class EvaluationOrder:
    """`usual` is what `nightsort classify` would be told; `models` and `prompts` are compared with each other."""

    usual: Order
    truth: str
    sample: int = SAMPLE
    models: tuple[str, ...] = ()
    prompts: tuple[Path, ...] = ()
    form: Literal["table", "json"] = "table"
    report: Path | None = None
    min_accuracy: float | None = None
    """What the lower end of each reader's interval must reach."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reader to be: its name among the others, and what it is asked."""

    name: str
    model: str
    prompt: Path | None
    spec: Spec
    told: str


def candidates(order: EvaluationOrder, template: str) -> list[Candidate]:
    """Raises InvalidOrder: a file or a flag cannot be used, or two readers are the same."""
    found = list(each_candidate(order, template))
    asked: dict[str, Candidate] = {}
    for one in found:
        same = asked.setdefault(as_words(settings_of(one.spec)), one)
        if same is not one:
            raise InvalidOrder(f"{same.name} and {one.name} ask the same: give each model and each prompt once")
    return found


def each_candidate(order: EvaluationOrder, template: str) -> Iterator[Candidate]:
    usual = order.usual
    prompts: Sequence[Path | None] = order.prompts or (None,)
    models = order.models or (usual.model,)
    for prompt in prompts:
        for model in models:
            asked = replace(usual, model=model, categories_file=prompt or usual.categories_file)
            made = wanted(asked, template)
            yield Candidate(name_of(model, prompt, models, prompts), model, prompt, made.spec, made.told)


def name_of(model: str, prompt: Path | None, models: Sequence[str], prompts: Sequence[Path | None]) -> str:
    """What tells a reader from the others: its model, its prompt, or both."""
    if prompt is None or len(prompts) == 1:
        return model
    return str(prompt) if len(models) == 1 else f"{model} with {prompt}"


def names(words: Sequence[str] | None) -> tuple[str, ...]:
    """Names with commas in between, in one flag or in several."""
    return tuple(category_names(tuple(words or ())))
