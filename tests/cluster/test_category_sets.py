"""A CategorySet on a real API server: a run that names one, and an operator that is killed in its middle."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cluster.bench import User, batch, condition, inline
from tests.cluster.controlplane.plane import KubectlFailed
from tests.cluster.restarts import Pod

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

NAMES = ("billing", "technical", "other")
ANOTHER = ("spam", "ham")


def category_set(*names: str, **spec: Any) -> dict[str, Any]:
    categories = [{"name": name} for name in names]
    metadata = {"name": "desk"}
    return {
        "apiVersion": "nightsort.dev/v1alpha1",
        "kind": "CategorySet",
        "metadata": metadata,
        "spec": {"categories": categories, **spec},
    }


def run(name: str, **spec: Any) -> dict[str, Any]:
    return batch(name, inline("Refund my invoice", "It crashes"), categorySetRef={"name": "desk"}, **spec)


def test_a_run_waits_for_its_set_and_keeps_it_whatever_becomes_of_it(pod: Pod, isolated_user: User) -> None:
    pod.start()
    isolated_user.apply(run("first", shards={"maxRequests": 1}))
    isolated_user.kubectl(
        "wait", "--for=jsonpath={.status.waiting.reason}=CategorySetMissing", "--timeout=60s", "cb/first"
    )

    isolated_user.apply(category_set(*NAMES))
    isolated_user.kubectl("wait", "--for=jsonpath={.status.categorySet.name}=desk", "--timeout=90s", "cb/first")
    pod.kill()
    isolated_user.apply(category_set(*ANOTHER))
    pod.start()

    status = isolated_user.finished("first")["status"]
    assert condition(status, "Complete") == "True"
    use = status["categorySet"]
    assert use["categories"] == list(NAMES)
    rows = isolated_user.rows("first-results")
    assert {row["categorySet"] for row in rows.values()} == {use["hash"]}
    assert {row["category"] for row in rows.values()} <= {*NAMES, None}

    isolated_user.apply(run("second"))
    later = isolated_user.finished("second")["status"]["categorySet"]
    assert later["categories"] == list(ANOTHER)
    assert later["generation"] == use["generation"] + 1


def test_a_set_is_checked_when_it_is_applied_and_explained(isolated_user: User) -> None:
    with pytest.raises(KubectlFailed, match="a category is named twice"):
        isolated_user.apply(category_set("billing", "Billing"))
    with pytest.raises(KubectlFailed, match="known tickets are in one of"):
        isolated_user.apply(category_set("billing", truth={"column": "agent"}))
    isolated_user.apply(category_set("billing", truth={"configMap": {"name": "known", "key": "known.csv"}}))

    found = json.loads(isolated_user.kubectl("get", "catset", "desk", "-o", "json"))
    assert found["spec"]["truth"]["configMap"] == {"name": "known", "key": "known.csv"}
    assert "categories are known" in isolated_user.kubectl("explain", "catset.spec.truth")
