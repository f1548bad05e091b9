"""The parts in use of the API's catalogue of models, and of its count of a prompt's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Raw, Struct

from nightsort.adapters.anthropic.wire import MOST_COMMAS, NULL, NotUnderstood, decoded, part
from nightsort.domain.batch import ModelFacts

Size = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Support(Struct, frozen=True):
    supported: bool = False


class ThinkingTypes(Struct, frozen=True):
    disabled: Support = Support()


class Thinking(Struct, frozen=True):
    supported: bool = False
    types: ThinkingTypes = ThinkingTypes()


class Effort(Struct, frozen=True):
    low: Support = Support()


class Capabilities(Struct, frozen=True):
    batch: Support = Support(supported=True)
    effort: Effort = Effort()
    thinking: Thinking = Thinking()
    structured_outputs: Support = Support()


class WireModel(Struct, frozen=True):
    """A model of the catalogue; an odd field counts as one that the API does not give."""

    id: str
    lifecycle: Raw = NULL
    capabilities: Raw = NULL
    max_input_tokens: Raw = NULL
    retires_at: Raw = NULL

    def facts(self) -> ModelFacts:
        told = part(self.capabilities, Capabilities)
        can = told or Capabilities()
        return ModelFacts(
            id=self.id,
            retired=part(self.lifecycle, str) == "retired",
            batch=can.batch.supported,
            thinks=can.thinking.supported,
            can_disable_thinking=can.thinking.supported and can.thinking.types.disabled.supported,
            max_input_tokens=part(self.max_input_tokens, Size),
            silent=told is None,
            retires_at=with_zone(part(self.retires_at, datetime)),
            low_effort=can.effort.low.supported,
            structured_outputs=can.structured_outputs.supported,
        )


class WireModels(Struct, frozen=True):
    data: list[Raw]


def catalogue_of(content: bytes) -> Sequence[ModelFacts]:
    """The models of a page of the catalogue; entries that are none are left out.

    Raises:
        NotUnderstood: it is no such page, or has far more entries than one.
    """
    if content.count(b",") > MOST_COMMAS:
        raise NotUnderstood("no page of the catalogue")
    found = (part(raw, WireModel) for raw in decoded(content, WireModels).data)
    return [model.facts() for model in found if model is not None]


def with_zone(time: datetime | None) -> datetime | None:
    """A time without a zone is taken for UTC."""
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


class WireTokens(Struct, frozen=True):
    input_tokens: Size
