"""What GitOps tools see at every step of a life: each status that was ever written is judged by each tool's rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from nightsort.api.model import API_VERSION, KIND
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer
from nightsort.domain.errors import Rejected, Stalled
from nightsort.domain.reasons import Reason
from tests.support.gitops import LUA, TOP, argo_cd, conditions, flux, kstatus
from tests.support.histories import distinct
from tests.support.world import World


def manifest(status: Status | None, generation: int | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"generation": generation or 1}}
    if status is not None:
        made["status"] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        made["metadata"]["generation"] = generation or status.observed_generation
    return made


def steps(world: World, resource: Resource) -> list[dict[str, Any]]:
    """All that was written of a resource, in its order; the rules of conditions hold for each."""
    written = [manifest(status) for status in world.writes(resource)]
    for step in written:
        told = conditions(step)
        assert "Ready" in told, "always there"
        assert {told.get("Reconciling", "True"), told.get("Stalled", "True")} == {"True"}, "there only when true"
        assert not {"Reconciling", "Stalled"} <= set(told), "never both"
        assert all(one["observedGeneration"] == step["metadata"]["generation"] for one in step["status"]["conditions"])
    return written


def judged(written: list[dict[str, Any]]) -> tuple[list[str], list[str], list[str]]:
    return (
        distinct([kstatus(step) for step in written]),
        distinct([argo_cd(step)[0] for step in written]),
        distinct([flux(step) for step in written]),
    )


@pytest.fixture
def world() -> World:
    return World()


async def test_a_life_that_goes_well(world: World) -> None:
    resource = world.apply("billing", "technical")
    await world.run_until_finished(resource)

    assert judged(steps(world, resource)) == (
        ["InProgress", "Current"],
        ["Progressing", "Healthy"],
        ["InProgress", "Current"],
    )


async def test_flux_calls_a_batch_current_as_soon_as_the_api_has_taken_it(world: World) -> None:
    resource = world.apply("billing")
    await world.run_until_finished(resource)

    for step in steps(world, resource):
        bought = any(one.get("id") for one in step["status"].get("batches", ()))
        assert (flux(step) == "Current") is (bought or conditions(step)["Ready"] == "True")


async def test_a_life_with_retries_is_in_progress_until_its_end(world: World) -> None:
    answers: Iterator[str | Answer] = iter([Answer("", "expired"), "billing"])
    world.respond = lambda text: next(answers)
    resource = world.apply("billing")
    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}
    assert judged(steps(world, resource))[0] == ["InProgress", "Current"]


async def test_a_stalled_resource_is_degraded_until_somebody_has_changed_what_is_missing(world: World) -> None:
    resource = world.apply("billing")
    world.connections.error = Stalled("Secret anthropic is not there", reason=Reason.SECRET_MISSING)
    await world.look(resource)
    stalled = steps(world, resource)[-1]
    assert (kstatus(stalled), flux(stalled)) == ("Failed", "Failed")
    assert argo_cd(stalled) == ("Degraded", "Secret anthropic is not there")

    world.connections.error = None
    await world.run_until_finished(resource)

    assert judged(steps(world, resource))[0] == ["Failed", "InProgress", "Current"]


async def test_a_failed_life(world: World) -> None:
    resource = world.apply("billing")
    world.connections.error = Rejected("there is no such model", reason=Reason.UNKNOWN_MODEL)
    await world.run_until_finished(resource)

    last = steps(world, resource)[-1]
    assert (kstatus(last), argo_cd(last)[0], flux(last)) == ("Failed", "Degraded", "Failed")


async def test_a_suspended_resource_is_as_its_author_wants_it(world: World) -> None:
    resource = world.apply("billing", suspend=True)
    await world.look(resource)

    [step] = steps(world, resource)
    assert (kstatus(step), argo_cd(step)[0], flux(step)) == ("InProgress", "Suspended", "Current")


def test_before_the_operator_has_seen_it() -> None:
    assert kstatus(manifest(None)) == "Current"
    assert argo_cd(manifest(None)) == ("Progressing", "waiting for the operator")
    assert flux(manifest(None)) == "Unknown"


async def test_a_change_that_the_operator_has_not_seen_is_in_progress(world: World) -> None:
    resource = world.apply("billing")
    done = await world.run_until_finished(resource)

    changed = manifest(done.status, generation=2)

    assert (kstatus(changed), argo_cd(changed)[0], flux(changed)) == ("InProgress", "Progressing", "InProgress")


def test_the_patch_for_argo_cd_carries_the_script_as_it_is() -> None:
    patch = yaml.safe_load((TOP / "gitops" / "argocd-cm.yaml").read_text())

    assert patch["data"] == {f"resource.customizations.health.nightsort.dev_{KIND}": LUA.read_text()}
