"""The order on the command line, and the spec that follows from it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import yaml

from nightsort.api.categories import DEFAULT_CATEGORIES
from nightsort.api.model import API_VERSION, KIND
from nightsort.api.resource import InvalidResource, Resource
from nightsort.api.spec import InferenceGeo, Spec, field_names
from nightsort.cli.classification.further import BESIDE, NOTHING_MORE, FurtherAnswers
from nightsort.cli.flags import TicketOptions
from nightsort.cli.manifests import InvalidManifest, category_names, text_of
from nightsort.cli.state_folder import STATE
from nightsort.cli.yaml_documents import load, place_of, problem_of
from nightsort.domain.choice import Choice

CATEGORIES_FILE = "categories.yaml"
STATE_FILE = "classify.sqlite"
KNOWN = ("categories", "instructions", "unknownLabel", *BESIDE)


class InvalidOrder(ValueError):
    """The input cannot be used; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Order:
    """`simulated` is the duration of a simulated batch, None for the real API. Times are in seconds.

    `accuracy` is how often simulated models are right, as it is written on the command line.
    `retry` asks again about tickets without a category, `only_retry` about no others, and `verdicts`, if there are any,
    about those of these verdicts.
    """

    file: Path
    categories: tuple[str, ...] = ()
    categories_file: Path | None = None
    model: str = ""
    instructions: str | None = None
    further: FurtherAnswers = NOTHING_MORE
    inference_geo: InferenceGeo | None = None
    yes: bool = False
    max_cost: str | None = None
    estimate: bool = False
    limit: int | None = None
    dedupe: bool = False
    retry: bool = False
    only_retry: bool = False
    verdicts: frozenset[str] = frozenset()
    output: Path | None = None
    report: Path | None = None
    timeout: float | None = None
    simulated: float | None = None
    accuracy: tuple[str, ...] = ()
    state: Path = STATE
    api_url: str | None = None
    tickets: TicketOptions = field(default_factory=TicketOptions)

    @property
    def state_file(self) -> Path:
        return self.state / STATE_FILE

    @property
    def choice(self) -> Choice:
        """Which of the file's tickets are to be asked about."""
        return Choice(self.retry, self.only_retry, self.verdicts, self.limit)

    @property
    def is_simulated(self) -> bool:
        return self.simulated is not None

    @property
    def simulation(self) -> bool | Mapping[str, Any]:
        """What labels depend on where they are simulated: with other mistakes they are others."""
        return {"accuracy": sorted(self.accuracy)} if self.is_simulated and self.accuracy else self.is_simulated


@dataclass(frozen=True, slots=True)
class Wanted:
    """The spec, and a sentence about its categories and their source."""

    spec: Spec
    told: str


def wanted(order: Order, template: str) -> Wanted:
    """The spec of a run.

    Raises:
        InvalidOrder: with the flag or the place in a file.
    """
    given, source, told = categories_of(order)
    asked = asked_for(given, order.instructions, order.further)
    spec: dict[str, Any] = {
        "model": order.model,
        "source": {"inline": {"tickets": []}},  # the tickets themselves are in the state
        "pollIntervalSeconds": 1 if order.is_simulated else 60,
        **asked,
        "prompt": {"template": template, **asked.get("prompt", {})},
    }
    if order.dedupe:
        spec["dedupe"] = "Exact"
    if order.inference_geo is not None:
        spec["inferenceGeo"] = order.inference_geo
    if order.max_cost is not None:
        spec["maxCostUSD"] = order.max_cost
    try:
        made = Resource.of({"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "run"}, "spec": spec}).spec
    except InvalidResource as error:
        raise InvalidOrder(in_flags(str(error), source)) from None
    names = ", ".join(category.name for category in made.categories)
    columns = field_names(made)
    beside = f"; and further columns: {', '.join(columns)}" if columns else ""
    return Wanted(made, f"categories{told}: {names}{beside}")


def asked_for(given: Mapping[str, Any], instructions: str | None, further: FurtherAnswers) -> dict[str, Any]:
    """The parts of a spec that a file of categories says, and the flags beside it, which come first.

    Raises:
        InvalidOrder: a flag is in no form that is known.
    """
    parts = {name: given[name] for name in ("categories", "unknownLabel", *BESIDE) if name in given}
    if said := instructions or given.get("instructions"):
        parts["prompt"] = {"instructions": said}
    try:
        return parts | further.as_spec()
    except ValueError as error:
        raise InvalidOrder(str(error)) from None


def categories_of(order: Order) -> tuple[Mapping[str, Any], str, str]:
    """The categories and the other fields of a file, and a name for their source: in messages, and in the sentence."""
    if order.categories:
        return {"categories": [{"name": name} for name in category_names(order.categories)]}, "--categories", ""
    beside = order.file.with_name(CATEGORIES_FILE)
    path = order.categories_file or (beside if beside.is_file() else None)
    if path is not None:
        return file_of_categories(path), str(path), f" from {path}"
    given = [category.model_dump(mode="json", by_alias=True, exclude_defaults=True) for category in DEFAULT_CATEGORIES]
    return (
        {"categories": given},
        "--categories",
        " (none were given; --categories names others)",
    )


def file_of_categories(path: Path) -> Mapping[str, Any]:
    try:
        documents = [each for each in load(text_of(path)) if each is not None]
    except InvalidManifest as error:
        raise InvalidOrder(str(error)) from None
    except yaml.YAMLError as error:
        raise InvalidOrder(f"{path}: {place_of(error)}not valid YAML{problem_of(error)}") from None
    form = "expected a list of categories, as in `- name: billing`, or such a list under `categories:`"
    if len(documents) != 1:
        raise InvalidOrder(f"{path}: {form}")
    [found] = documents
    if isinstance(found, list):
        found = {"categories": found}
    if not isinstance(found, dict) or not isinstance(found.get("categories"), list):
        raise InvalidOrder(f"{path}: {form}")
    if unknown := [str(name) for name in found if name not in KNOWN]:
        raise InvalidOrder(f"{path}: unknown field {unknown[0]}; it may have {', '.join(KNOWN)}")
    named = [{"name": each} if isinstance(each, str) else each for each in found["categories"]]
    return {**found, "categories": named}


def in_flags(message: str, source: str) -> str:
    """A message about a spec in the words of the command line."""
    words = {
        "spec.maxCostUSD": "--max-cost",
        "spec.model": "--model",
        "spec.inferenceGeo": "--inference-geo",
        "leave inferenceGeo out": "leave --inference-geo out",
        "spec.prompt.instructions": "--instructions",
        "spec.categories": f"{source}: categories",
        "spec.fields": "--field" if source == "--categories" else f"{source}: fields",
        "spec.unknownLabel": f"{source}: unknownLabel",
        "spec: ": f"{source}: ",
    }
    for path, flag in words.items():
        message = message.replace(path, flag)
    return message


def same_command(without: Sequence[str] = (), *, more: Sequence[str] = ()) -> str:
    """The command to type to come back."""
    kept = [word for word in sys.argv[1:] if word not in without]
    return shlex.join([PurePath(sys.argv[0]).name, *kept, *more])
