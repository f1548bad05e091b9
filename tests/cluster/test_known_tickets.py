"""Known tickets first, on a real API server: a model that is right often enough, and one that is not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bench import SimulatedApi, User, batch, condition
from tests.cluster.restarts import Pod

pytestmark = pytest.mark.cluster

GOOD, POOR = "claude-haiku-5-5", "claude-haiku-4-5"
TEXTS = {"billing": "Refund my invoice", "technical": "The app crashes with an error", "account": "I lost my password"}
KNOWN, OTHERS = 300, 20
NAMES = list(TEXTS)


@pytest.fixture
def erring_api(tmp_path: Path) -> Iterator[SimulatedApi]:
    (tmp_path / "erring").mkdir()
    flags = ("--accuracy", f"{GOOD}=0.95", "--accuracy", f"{POOR}=0.8")
    with SimulatedApi(tmp_path / "erring", 1, *flags) as api:
        yield api


@pytest.fixture
def held_pod(pod: Pod, erring_api: SimulatedApi) -> Pod:
    pod.api_url = erring_api.url
    return pod


def tickets() -> str:
    """Known tickets, evenly of three categories, and others between them."""
    lines = []
    for number in range(KNOWN + OTHERS):
        name = NAMES[number % len(NAMES)]
        known = {} if number % 16 == 0 and number // 16 < OTHERS else {"agent": name}
        lines.append(json.dumps({"id": str(number), "subject": "Help", "body": f"{TEXTS[name]}, {number}", **known}))
    return "\n".join(lines)


def apply(user: User, name: str, model: str) -> None:
    user.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tickets"}, "data": {"t.jsonl": tickets()}},
        batch(
            name,
            {"configMap": {"name": "tickets", "key": "t.jsonl"}},
            model=model,
            evaluation={"truth": {"column": "agent"}, "minAccuracy": "0.90"},
        ),
    )


def paid(api: SimulatedApi, status: Any) -> int:
    """Requests in all batches of a run, by the account's bill."""
    return sum(one["paid"] for one in api.batches({one["id"] for one in status["batches"]}))


def test_a_model_that_is_right_often_enough_runs_through(
    held_pod: Pod, erring_api: SimulatedApi, isolated_user: User
) -> None:
    held_pod.start()
    apply(isolated_user, "good", GOOD)

    status = isolated_user.finished("good")["status"]

    assert condition(status, "Complete") == "True"
    told = status["evaluation"]
    assert (told["outcome"], told["known"]) == ("Passed", KNOWN)
    assert float(told["interval"]["low"]) >= 0.9
    assert float(told["interval"]["low"]) <= 0.95 <= float(told["interval"]["high"])
    assert set(isolated_user.rows("good-results")) == {str(16 * number) for number in range(OTHERS)}
    assert paid(erring_api, status) == KNOWN + OTHERS


def test_a_model_that_is_not_is_held_and_goes_on_when_it_is_released(
    held_pod: Pod, erring_api: SimulatedApi, isolated_user: User
) -> None:
    held_pod.start()
    apply(isolated_user, "poor", POOR)

    isolated_user.kubectl("wait", "--for=condition=Held", "--timeout=60s", "cb/poor")

    status = isolated_user.get("poor")["status"]
    assert (status["phase"], status["evaluation"]["outcome"]) == ("Held", "Failed")
    assert status["evaluation"]["confusions"]
    assert paid(erring_api, status) == len(status["batches"][0:1]) * KNOWN
    assert isolated_user.get("poor-results", "configmap")["data"]["results.jsonl"] == ""
    beside = json.loads(isolated_user.get("poor-results-evaluation", "configmap")["data"]["evaluation.json"])
    assert beside["outcome"] == "Failed"
    assert sum(each["tickets"] for each in beside["answers"]) == KNOWN
    events = json.loads(isolated_user.kubectl("get", "events", "-o", "json"))["items"]
    assert Counter(event["type"] for event in events if event["reason"] == "AccuracyTooLow")["Warning"] >= 1

    isolated_user.kubectl("patch", "cb", "poor", "--type", "merge", "-p", '{"spec":{"evaluation":{"release":true}}}')

    status = isolated_user.finished("poor")["status"]
    assert condition(status, "Complete") == "True"
    assert set(isolated_user.rows("poor-results")) == {str(16 * number) for number in range(OTHERS)}
    assert paid(erring_api, status) == KNOWN + OTHERS


def test_a_held_run_that_is_deleted_is_gone(held_pod: Pod, erring_api: SimulatedApi, isolated_user: User) -> None:
    held_pod.start()
    apply(isolated_user, "poor", POOR)
    isolated_user.kubectl("wait", "--for=condition=Held", "--timeout=60s", "cb/poor")

    isolated_user.kubectl("delete", "cb", "poor", "--timeout=30s")

    assert sum(one["paid"] for one in erring_api.ask("bill")["batches"]) == KNOWN
