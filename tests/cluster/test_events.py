"""Events on a real API server, as `kubectl describe` shows them."""

from __future__ import annotations

import json

import pytest

from nightsort.adapters.kubernetes.client import connected
from nightsort.adapters.kubernetes.events import KubeEvents
from nightsort.api.resource import Meta
from nightsort.domain.reasons import Reason
from tests.cluster.controlplane.plane import ControlPlane
from tests.support.manifests import manifest

pytestmark = pytest.mark.cluster


@pytest.fixture
def meta(plane: ControlPlane, namespace: str) -> Meta:
    created = plane.kubectl("create", "-n", namespace, "-o", "json", "-f", "-", input=json.dumps(manifest()))
    return Meta.of(json.loads(created))


async def test_describe_shows_events_with_their_kind_reason_and_source(plane: ControlPlane, meta: Meta) -> None:
    async with connected(str(plane.kubeconfig)) as client:
        await KubeEvents(client).post(meta, "Normal", Reason.SUBMITTED, "3 tickets in batch msgbatch_01")
        await KubeEvents(client).post(meta, "Warning", Reason.SECRET_MISSING, "Secret anthropic is not there")

    described = plane.kubectl("describe", "cb", "tickets", "-n", meta.namespace)
    shown = [line.split(maxsplit=4) for line in described.splitlines() if "nightsort" in line][-2:]
    assert {(kind, reason, source, text) for kind, reason, _, source, text in shown} == {
        ("Normal", "Submitted", "nightsort", "3 tickets in batch msgbatch_01"),
        ("Warning", "SecretMissing", "nightsort", "Secret anthropic is not there"),
    }


async def test_a_long_message_is_cut_to_what_the_api_server_takes(plane: ControlPlane, meta: Meta) -> None:
    async with connected(str(plane.kubeconfig)) as client:
        await KubeEvents(client).post(meta, "Normal", Reason.SUBMITTED, "ü" * 2000)

    [event] = json.loads(plane.kubectl("get", "events", "-n", meta.namespace, "-o", "json"))["items"]
    assert event["message"].endswith("ü…")
    assert 1020 <= len(event["message"].encode()) <= 1024


async def test_an_event_that_cannot_be_posted_is_logged_and_harms_nobody(
    plane: ControlPlane, meta: Meta, caplog: pytest.LogCaptureFixture
) -> None:
    plane.kubectl("create", "serviceaccount", "nobody", "-n", meta.namespace)

    async with connected(str(plane.kubeconfig_of(meta.namespace, "nobody"))) as client:
        await KubeEvents(client).post(meta, "Normal", Reason.SUBMITTED, "3 tickets")

    assert f"event Submitted of {meta.key} is lost: cannot post an event" in caplog.text
