"""A cluster: the CRD, the operator, permissions, the key, the clocks, and a resource's places."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nightsort import __version__
from nightsort.api.category_set import SET_KIND
from nightsort.api.crd import crd, crd_of_sets
from nightsort.api.credentials import SecretRef
from nightsort.api.model import KIND
from nightsort.api.resource import Resource
from nightsort.cli.examinations import account, permissions, places
from nightsort.cli.examinations.account import WHOLE_SECOND, Key
from nightsort.cli.examinations.findings import Finding, Findings, failed, of, ok, warning
from nightsort.cli.examinations.schema import missing
from nightsort.domain.conditions import is_finished
from nightsort.domain.errors import Interruption, Stalled
from nightsort.domain.installation import Operator
from nightsort.domain.prices import PRICE_TABLE
from nightsort.ports.inspection import Inspection
from nightsort.settings import API_URL, Settings
from nightsort.wiring.doctor import Places, WithUrl, own_key

if TYPE_CHECKING:
    from nightsort.wiring.cluster import Cluster

CRDS = "nightsort crds | kubectl apply --server-side -f -"
NO_CRD = failed("CRD", "the cluster knows no ClassificationBatch", f"{CRDS}, and install the operator")
NO_SETS = warning(
    "CRD",
    "the cluster knows no CategorySet, which spec.categorySetRef needs",
    f"{CRDS}: helm upgrade leaves CRDs as they are",
)
MOST_FIELDS = 5
URL = ("NIGHTSORT_ANTHROPIC_BASE_URL", "ANTHROPIC_BASE_URL")


@dataclass(slots=True)
class Examination:
    """`resource` is one of the cluster, or of a manifest; `account` is the operator's service account, if named."""

    inspection: Inspection
    cluster: Cluster
    namespace: str
    settings: Settings
    resource: Resource | None = None
    is_there: bool = False
    account: str = ""
    url_env: str = ""
    url: str = ""
    """The API's address, if this person has named one."""
    operators: Sequence[Operator] = field(default=(), init=False)

    async def findings(self) -> Findings:
        yield ok("nightsort", f"{__version__} on this machine, Python {platform.python_version()}")
        there: datetime | None = None
        asked = datetime.now(UTC)
        try:
            version, there = await self.inspection.server()
        except Interruption as interruption:
            yield of("cluster", interruption)
            return
        told = datetime.now(UTC)
        yield ok("cluster", f"{self.inspection.address}, Kubernetes {version or 'of an unknown version'}")
        known = await self._crd(KIND, crd(), NO_CRD)
        yield known
        if known == NO_CRD:
            return
        yield await self._crd(SET_KIND, crd_of_sets(), NO_SETS)
        async for one in self._operator():
            yield one
        async for one in permissions.of_person(self.inspection, self.namespace):
            yield one
        for service_account in self._accounts():
            names = permissions.secrets_of(self.resource) if self.resource is not None else []
            async for one in permissions.of_operator(self.inspection, service_account, self.namespace, names):
                yield one
        async for one in self._account(asked, told, there):
            yield one
        if self.resource is not None:
            async for one in self._resource(self.resource):
                yield one

    def _accounts(self) -> list[str]:
        return [self.account] if self.account else [f"{one.namespace}:{one.account}" for one in self.operators[:1]]

    async def _crd(self, kind: str, rendered: Mapping[str, Any], unknown: Finding) -> Finding:
        """The cluster's definition of a kind against the rendered one; `unknown` is what its absence means."""
        try:
            schema = await self.inspection.schema(kind)
        except Interruption as interruption:
            return of("CRD", interruption)
        if schema is None:
            return unknown
        ours: Mapping[str, Any] = rendered["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        if lacking := missing(ours, schema):
            return failed(
                "CRD",
                f"{kind} is older than this nightsort: the cluster's lacks {shown(lacking)}",
                f"upgrade it: {CRDS}",
            )
        if more := missing(schema, ours):
            return warning(
                "CRD",
                f"{kind} is newer than this nightsort, which does not know {shown(more)}",
                "upgrade nightsort here",
            )
        return ok("CRD", f"{rendered['metadata']['name']}, as of this nightsort")

    async def _operator(self) -> Findings:
        try:
            self.operators = await self.inspection.operators()
        except Interruption:
            try:
                self.operators = await self.inspection.operators(self.namespace)
            except Interruption as interruption:
                yield warning("operator", f"it cannot be seen: {interruption.message}")
                return
        if not self.operators:
            yield await self._no_deployment()
        for one in self.operators:
            yield running(one)
            if one.version != __version__:
                yield warning(
                    "operator",
                    f"{one.namespace}/{one.name} is {one.version or 'unlabelled'}, this nightsort {__version__}",
                    "upgrade the older one: helm upgrade, or pipx upgrade here",
                )
        if self.operators and not any(not one.watches or self.namespace in one.watches for one in self.operators):
            yield failed(
                "operator", f"watches {listed(self.operators)}, not {self.namespace}", "add it to watchNamespaces"
            )

    async def _no_deployment(self) -> Finding:
        """An operator that nobody sees may be at work all the same, out of the cluster or in another's hands."""
        try:
            runs = await self.cluster.resources.there(self.namespace)
        except Stalled:
            runs = []
        if any((one.get("status") or {}).get("phase") for one in runs):
            return warning("operator", "no Deployment of it is to be seen, but it has looked at runs of this namespace")
        return failed(
            "operator",
            "no Deployment of it is to be seen, and no run of this namespace has been looked at",
            "helm install nightsort charts/nightsort -n nightsort --create-namespace (docs/install.md)",
        )

    async def _account(self, asked: datetime, told: datetime, there: datetime | None) -> Findings:
        """`there` is the API server's time at a moment between `asked` and `told`."""
        key = await self._key()
        if isinstance(key, Finding):
            yield key
            return
        answered, finding = await account.ask(key)
        yield finding
        if answered is None:
            return
        theirs = answered.catalogue.answered_at
        yield account.clock("clock, here", answered.began, answered.ended, theirs, "this machine's clock")
        if there is not None:
            earliest, latest = there + (answered.began - told), there + WHOLE_SECOND + (answered.ended - asked)
            yield account.clock("clock, cluster", earliest, latest, theirs, "the API server's clock")
        if self.resource is not None:
            prices = PRICE_TABLE.with_own(self.settings.prices)
            for one in account.model(self.resource.spec.model, answered.catalogue, prices, datetime.now(UTC)):
                yield one

    async def _key(self) -> Key | Finding:
        """The resource's key or the operator's, where this person may read it; else that of their environment."""
        told = ""
        for namespace, ref in self._secrets_of_keys():
            try:
                value = await self.inspection.secret(namespace, ref)
            except Interruption:
                told = f"you may not read Secret {namespace}/{ref.name}, which has it"
                continue
            if value:
                return Key(value, f"the key of Secret {namespace}/{ref.name}", self._url(), from_afar=True)
            return failed("key", f"Secret {namespace}/{ref.name} has no key {ref.key}", "create it (docs/install.md)")
        try:
            own = own_key(self.settings)
        except Interruption as interruption:
            return of("key", interruption)
        if own is not None:
            why = f" ({told})" if told else ""
            return Key(own, f"the key of your environment{why}", self.settings.anthropic_base_url)
        return warning(
            "key",
            f"not tried: {told or 'it is not known which Secret has it'}",
            "name a run whose Secret you may read, or set ANTHROPIC_API_KEY to try your own",
        )

    def _secrets_of_keys(self) -> list[tuple[str, SecretRef]]:
        if self.resource is not None and self.resource.spec.credentials is not None:
            return [(self.namespace, self.resource.spec.credentials.secret_ref)]
        return [(one.namespace, one.key) for one in self.operators[:1] if one.key is not None]

    def _url(self) -> str:
        """The address that was named, else the operator's, if that is to be seen."""
        if self.url:
            return self.url
        settings = self.operators[0].settings if self.operators else {}
        said = next((settings[name] for name in URL if settings.get(name)), None)
        return said or (API_URL if self.operators else self.settings.anthropic_base_url)

    async def _resource(self, resource: Resource) -> Findings:
        if self.is_there:
            yield state_of(resource)
        secrets, whose = self.cluster.secrets, "the run's Secrets as you may read them"
        if self.url_env:
            secrets = WithUrl(self.cluster.secrets, os.environ.get(self.url_env, ""))
            whose = f"the URL of {self.url_env}"
        found = Places(self.settings, secrets, self.cluster.config_maps, local=False)
        async for one in places.checked(found, resource, f"tried from this machine ({platform.node()}), with {whose}"):
            yield one


def running(operator: Operator) -> Finding:
    named = f"{operator.namespace}/{operator.name} {operator.version}".rstrip()
    if operator.ready < 1:
        return failed(
            "operator",
            f"{named}: no pod of it is ready",
            f"kubectl describe pods -n {operator.namespace} -l app.kubernetes.io/name=nightsort",
        )
    return ok("operator", f"{named}: {operator.ready} of {operator.replicas} ready, watches {listed([operator])}")


def state_of(resource: Resource) -> Finding:
    status, name = resource.status, resource.meta.name
    told = f"{name} is {status.phase or 'new: no operator has looked at it'}"
    told += f": {status.message}" if status.message else ""
    stuck = any(one.type == "Stalled" and one.status == "True" for one in status.conditions)
    if stuck and not is_finished(status):
        return failed("run", told, f"kubectl nightsort status {name}")
    return ok("run", told) if status.phase else warning("run", told)


def shown(fields: Sequence[str]) -> str:
    more = len(fields) - MOST_FIELDS
    return ", ".join(fields[:MOST_FIELDS]) + (f" and {more} more" if more > 0 else "")


def listed(operators: Sequence[Operator]) -> str:
    watched = [name for one in operators for name in one.watches]
    everywhere = any(not one.watches for one in operators)
    return "all namespaces" if everywhere else ", ".join(dict.fromkeys(watched))
