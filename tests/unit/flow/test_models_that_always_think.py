"""Models that always think: they are told to do so briefly, and get room for it beside their answer."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any, BinaryIO

import pytest

from nightsort.domain.batch import Batch, ModelFacts
from nightsort.domain.reasons import Reason
from nightsort.testing.batch_api import MODEL, MODELS
from tests.support.world import World


def sent(world: World) -> list[dict[str, Any]]:
    """The requests of all batches, filled as they are created."""
    requests: list[dict[str, Any]] = []
    create = world.api.create

    async def listening(body: BinaryIO, size: int, tag: str) -> Batch:
        content = body.read()
        requests.extend(json.loads(content)["requests"])
        return await create(io.BytesIO(content), size, tag)

    world.api.create = listening  # type: ignore[method-assign]
    return requests


THINKER = ModelFacts("claude-opus-5-5", thinks=True, can_disable_thinking=False, low_effort=True)


@pytest.mark.parametrize(("low_effort", "config"), [(True, {"effort": "low"}), (False, None)])
async def test_a_request_has_low_effort_and_room_for_thoughts(
    world: World, low_effort: bool, config: dict[str, str] | None
) -> None:
    facts = replace(THINKER, low_effort=low_effort)
    world.api.models, requests = {facts.id: facts}, sent(world)

    resource = await world.run_until_finished(world.apply("billing", model=facts.id))

    [request] = requests
    assert request["params"].get("output_config") == config
    assert request["params"]["max_tokens"] == 50 + 1024
    assert "thinking" not in request["params"]
    assert resource.status.plan is not None
    assert resource.status.plan.low_effort is low_effort


async def test_a_model_that_need_not_think_is_told_not_to_and_nothing_else(world: World) -> None:
    world.api.models, requests = {MODEL: replace(MODELS[MODEL], low_effort=True)}, sent(world)

    await world.run_until_finished(world.apply("billing"))

    [request] = requests
    assert request["params"]["thinking"] == {"type": "disabled"}
    assert "output_config" not in request["params"]


@pytest.mark.parametrize(("most", "refused"), [(1, True), (2, False)])
async def test_an_answer_limit_in_which_no_name_fits_is_refused_before_anything_is_bought(
    world: World, most: int, refused: bool
) -> None:
    names = [{"name": "card_payment_wrong"}, {"name": "billing"}]  # 18 characters
    resource = world.apply("billing", categories=names, prompt={"maxTokens": most})

    status = (await world.run_until_finished(resource)).status

    assert (status.conditions[0].reason == Reason.MAX_TOKENS_TOO_FEW) is refused
    assert (world.api.calls["create"] == 0) is refused
