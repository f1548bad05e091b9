"""An operator's installation in a cluster: its Deployment, and permissions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nightsort.api.credentials import SecretRef


@dataclass(frozen=True, slots=True)
class Permission:
    """`group` is empty for the core; `name` for all objects of the kind."""

    verb: str
    resource: str
    group: str = ""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{f' {self.name}' if self.name else ''}"


@dataclass(frozen=True, slots=True)
class Operator:
    """The Deployment of an operator. `version` is that of its label, `key` the Secret of its own API key."""

    namespace: str
    name: str
    version: str
    replicas: int
    ready: int
    account: str
    settings: Mapping[str, str]
    key: SecretRef | None = None

    @property
    def watches(self) -> tuple[str, ...]:
        """The namespaces; none means all."""
        return tuple(part.strip() for part in self.settings.get("NIGHTSORT_NAMESPACES", "").split(",") if part.strip())
