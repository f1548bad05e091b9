"""Somebody who may create resources, but not read or write Secrets, against the operator that may read them all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.bench import SimulatedApi, User, batch, condition, inline, reason
from tests.cluster.controlplane.plane import KubectlFailed

pytestmark = pytest.mark.cluster

TREASURE = "hunter2-treasure"
RULES = [
    {
        "apiGroups": ["nightsort.dev"],
        "resources": ["classificationbatches"],
        "verbs": ["create", "get", "list", "patch"],
    },
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
    {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["get", "list"]},
]
KEY = {"name": "treasure", "key": "value"}
WAYS: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "as API key": (inline("Refund me"), {"credentials": {"secretRef": KEY}}),
    "as database of tickets": ({"database": {"urlSecretRef": KEY, "query": "SELECT 1 AS id"}}, {}),
    "as database of results": (inline("Refund me"), {"results": {"database": {"urlSecretRef": KEY, "table": "t"}}}),
    "as store of tickets": ({"objectStore": {"url": "s3://support/t.csv", "secretRef": {"name": "treasure"}}}, {}),
    "as store of results": (
        inline("Refund me"),
        {"results": {"objectStore": {"url": "s3://support/r/", "secretRef": {"name": "treasure"}}}},
    ),
}
METADATA = "169.254.169.254"


class Intruder:
    """A ServiceAccount with those rules only."""

    def __init__(self, user: User) -> None:
        self.user, self.name = user, "intruder"
        named = {"name": self.name, "namespace": user.namespace}
        subjects = [{"kind": "ServiceAccount", **named}]
        rbac = "rbac.authorization.k8s.io"
        user.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": named},
            {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": named, "rules": RULES},
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "RoleBinding",
                "metadata": named,
                "subjects": subjects,
                "roleRef": {"apiGroup": rbac, "kind": "Role", "name": self.name},
            },
        )
        self._kubeconfig: Path = user.plane.kubeconfig_of(user.namespace, self.name)

    def kubectl(self, *arguments: str, input: str | None = None) -> str:
        arguments = ("--namespace", self.user.namespace, *arguments)
        return self.user.plane.kubectl(*arguments, input=input, kubeconfig=self._kubeconfig)

    def create(self, manifest: Mapping[str, Any]) -> None:
        self.kubectl("create", "-f", "-", input=yaml.safe_dump(dict(manifest)))

    def sees(self) -> str:
        """All that the operator has written where the intruder may look."""
        return self.kubectl("get", "cb,configmaps,events", "-o", "json")


@pytest.fixture
def intruder(user: User) -> Intruder:
    return Intruder(user)


@pytest.mark.parametrize("way", WAYS)
def test_who_may_not_read_secrets_cannot_have_one_used_that_is_not_labelled(
    user: User, intruder: Intruder, api: SimulatedApi, way: str
) -> None:
    user.secret("treasure", label="no", value=TREASURE, access_key_id=TREASURE, secret_access_key=TREASURE)
    bought = api.ask("bill")["created"]
    source, spec = WAYS[way]
    for forbidden in (("get", "secret", "treasure"), ("label", "secret", "treasure", "nightsort.dev/allow=true")):
        with pytest.raises(KubectlFailed, match=r"[Ff]orbidden"):
            intruder.kubectl(*forbidden)

    intruder.create(batch("greedy", source, **spec))
    status = user.told("greedy", lambda status: reason(status) == "SecretNotAllowed")

    assert condition(status, "Stalled") == "True"
    assert "treasure" in status["message"], "the message names the Secret"
    assert TREASURE not in intruder.sees()
    assert api.ask("bill")["created"] == bought


@pytest.mark.parametrize(
    ("source", "values", "told"),
    [
        (
            {"database": {"urlSecretRef": KEY, "query": "SELECT 1 AS id"}},
            {"value": f"postgresql://u:{TREASURE}@{METADATA}:80/latest"},
            "DatabaseNotAllowed",
        ),
        (
            {"objectStore": {"url": "s3://support/t.csv", "secretRef": {"name": "treasure"}}},
            {"endpoint": f"http://{METADATA}/latest/meta-data", "access_key_id": "a", "secret_access_key": TREASURE},
            "StoreNotAllowed",
        ),
        (
            {"objectStore": {"url": "s3://support/t.csv", "secretRef": {"name": "treasure"}}},
            {"metadata_endpoint": f"http://{METADATA}/", "access_key_id": "a", "secret_access_key": TREASURE},
            "StoreOption",
        ),
        ({"objectStore": {"url": "s3://support/t.csv"}}, {"value": TREASURE}, "CredentialsMissing"),
        ({"objectStore": {"url": "file:///var/run/secrets/t.csv"}}, {"value": TREASURE}, "InvalidUrl"),
    ],
    ids=["a database's URL", "a store's endpoint", "a store's option", "the pod's own identity", "the pod's own files"],
)
def test_no_address_leads_to_the_clouds_metadata_or_the_operators_pod(
    user: User, intruder: Intruder, source: Mapping[str, Any], values: Mapping[str, str], told: str
) -> None:
    """Even with a Secret that is labelled: its writer is not the operator's administrator."""
    user.secret("treasure", **values)

    intruder.create(batch("curious", source))
    status = user.told("curious", lambda status: reason(status) == told)

    # The message may name the host, so that somebody can see what is to be changed, and nothing else of a Secret.
    assert TREASURE not in json.dumps(status)
    assert "latest/meta-data" not in json.dumps(status)
    assert TREASURE not in intruder.sees()
