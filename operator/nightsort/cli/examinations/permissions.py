"""What people and the operator must be allowed to do, and what each permission is for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nightsort.api.category_set import SET_PLURAL
from nightsort.api.model import GROUP, PLURAL
from nightsort.api.resource import Resource
from nightsort.cli.examinations.findings import Finding, Findings, Level, failed, of, ok, warning
from nightsort.domain.errors import Interruption
from nightsort.domain.installation import Permission
from nightsort.ports.inspection import Inspection


@dataclass(frozen=True, slots=True)
class Need:
    """`level` is that of a finding where it is missing."""

    permission: Permission
    purpose: str
    level: Level = Level.WARNING


PEOPLE = (
    *(
        Need(Permission(verb, PLURAL, GROUP), "status, watch and results", Level.FAILED)
        for verb in ("get", "list", "watch")
    ),
    Need(Permission("create", PLURAL, GROUP), "create, retry and estimate"),
    Need(Permission("patch", PLURAL, GROUP), "cancel, suspend and resume"),
    Need(Permission("delete", PLURAL, GROUP), "estimate, which deletes its copy again"),
    Need(Permission("get", "configmaps"), "results and report"),
    Need(Permission("create", "configmaps"), "create and retry with a file of tickets, and review"),
    Need(Permission("patch", "configmaps"), "review, which keeps corrections there"),
)
OPERATOR = (
    *(Permission(verb, PLURAL, GROUP) for verb in ("get", "list", "watch", "patch", "delete")),
    Permission("patch", f"{PLURAL}/status", GROUP),
    Permission("get", SET_PLURAL, GROUP),
    *(Permission(verb, "configmaps") for verb in ("get", "create", "update")),
    Permission("create", "events", "events.k8s.io"),
)
"""The rules of the chart, without Secrets, which may be limited to some names."""
READ_SECRETS = Permission("get", "secrets")


async def of_person(inspection: Inspection, namespace: str) -> Findings:
    """Asks by SelfSubjectAccessReview, which everybody may."""
    subject = "you may"
    try:
        allowed = await asyncio.gather(*(inspection.may(need.permission, namespace) for need in PEOPLE))
    except Interruption as interruption:
        yield of(subject, interruption)
        return
    lacking = [need for need, may in zip(PEOPLE, allowed, strict=True) if not may]
    for need in lacking:
        yield Finding(
            need.level,
            "you may not",
            f"{need.permission} in namespace {namespace}, which is needed for {need.purpose}",
            "ask for a Role with it, such as ClusterRole edit, into which the chart aggregates its rules",
        )
    if not lacking:
        yield ok(subject, f"read, create, change and delete {PLURAL} in namespace {namespace}")


async def of_operator(inspection: Inspection, account: str, namespace: str, secrets: Sequence[str]) -> Findings:
    """Asks by SubjectAccessReview, which administrators may. `secrets` are the names that a resource needs, if any."""
    subject = "the operator may"
    needed = [*OPERATOR, *(Permission("get", "secrets", name=name) for name in secrets)]
    needed += [] if secrets else [READ_SECRETS]
    try:
        allowed = await asyncio.gather(*(inspection.may(one, namespace, account) for one in needed))
    except Interruption:
        yield warning(
            subject,
            "you may not ask for the permissions of others, so that the operator's were not looked at",
            f"an administrator asks: kubectl auth can-i --list -n {namespace} --as=system:serviceaccount:{account}",
        )
        return
    lacking = [one for one, may in zip(needed, allowed, strict=True) if not may]
    if READ_SECRETS in lacking:
        lacking.remove(READ_SECRETS)
        yield warning(subject, f"not read every Secret of namespace {namespace}; it may have names (rbac.secretNames)")
    if lacking:
        yield failed(
            subject,
            f"{account} may not {listed(lacking)} in namespace {namespace}",
            "install the chart with rbac.create, and with this namespace among watchNamespaces, where these are named",
        )
        return
    yield ok(subject, f"do its work in namespace {namespace}, as service account {account}")


def listed(permissions: Iterable[Permission]) -> str:
    return ", ".join(map(str, permissions))


def secrets_of(resource: Resource) -> list[str]:
    """The Secrets that a run needs, each once."""
    spec = resource.spec
    places = (spec.source.database, spec.results.database)
    refs = [place.url_secret_ref.name for place in places if place is not None]
    stores = (spec.source.object_store, spec.results.object_store)
    refs += [store.secret_ref.name for store in stores if store is not None and store.secret_ref is not None]
    refs += [spec.credentials.secret_ref.name] if spec.credentials is not None else []
    return list(dict.fromkeys(refs))
