"""What service accounts asked of the API server, from its audit log: the measure of what RBAC has to allow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}


class Right(NamedTuple):
    """To do this to that, as a rule of a Role grants it."""

    group: str
    resource: str
    verb: str


@dataclass(frozen=True)
class Audit:
    """The audit log of a control plane that was started with `flags`."""

    directory: Path

    @property
    def log(self) -> Path:
        return self.directory / "audit.log"

    def flags(self) -> list[str]:
        policy = self.directory / "audit-policy.yaml"
        policy.write_text(yaml.safe_dump(POLICY))
        return [f"--audit-policy-file={policy}", f"--audit-log-path={self.log}"]

    def used(self, namespace: str, service_account: str) -> set[Right]:
        """What was asked and allowed, whatever came of it."""
        return {right(event) for event in self._asked(namespace, service_account) if not forbidden(event)}

    def refused(self, namespace: str, service_account: str) -> set[Right]:
        return {right(event) for event in self._asked(namespace, service_account) if forbidden(event)}

    def asked(self, namespace: str, service_account: str) -> list[Right]:
        """Each request, in order; a watch is there twice, as it begins and as it ends."""
        return [right(event) for event in self._asked(namespace, service_account)]

    def _asked(self, namespace: str, service_account: str) -> list[Any]:
        """Requests for objects; those for the list of kinds are allowed to everybody by the cluster itself."""
        user = f"system:serviceaccount:{namespace}:{service_account}"
        events = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [
            event for event in events if event["user"]["username"] == user and "resource" in event.get("objectRef", {})
        ]


def right(event: Any) -> Right:
    target = event["objectRef"]
    resource = "/".join(part for part in (target["resource"], target.get("subresource")) if part)
    return Right(target.get("apiGroup", ""), resource, event["verb"])


def forbidden(event: Any) -> bool:
    return bool(event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid")


def granted(rules: list[Any]) -> set[Right]:
    """The rights that the rules of a Role grant, one by one."""
    return {
        Right(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
