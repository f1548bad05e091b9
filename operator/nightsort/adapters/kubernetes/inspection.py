"""What a person can find out about an installation: versions, permissions, the operator's Deployment. Reads alone."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kubernetes.aio.client import ApiClient

from nightsort.adapters.kubernetes.client import TIMEOUT, translated
from nightsort.api.credentials import SecretRef
from nightsort.api.model import API_VERSION
from nightsort.domain.errors import Gone
from nightsort.domain.installation import Operator, Permission
from nightsort.formats.http_date import date_of

JSON = {"Accept": "application/json", "Content-Type": "application/json"}
LABELS = "app.kubernetes.io/name=nightsort,app.kubernetes.io/component=operator"
REVIEWS = "/apis/authorization.k8s.io/v1"
KEY_FILE, KEYS = "NIGHTSORT_ANTHROPIC_API_KEY_FILE", ("NIGHTSORT_ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY")
Json = Mapping[str, Any]


class KubeInspection:
    """Implements `ports.inspection.Inspection`."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    @property
    def address(self) -> str:
        return str(self._client.configuration.host)

    async def server(self) -> tuple[str, datetime | None]:
        """The API server's version, and its time.

        Raises:
            Waiting: it does not answer.
        """
        told, headers = await self._ask("GET", "/version", "ask the API server for its version")
        return str(told.get("gitVersion", "")), date_of(headers.get("date"))

    async def schema(self, kind: str) -> Json | None:
        """The schema of one of our kinds that the API server has; None where it knows no such kind."""
        try:
            told, _ = await self._ask("GET", f"/openapi/v3/apis/{API_VERSION}", "read the API server's schemas")
        except Gone:
            return None
        schemas = told.get("components", {}).get("schemas", {})
        return next((one for name, one in schemas.items() if name.rpartition(".")[2] == kind), None)

    async def operators(self, namespace: str | None = None) -> Sequence[Operator]:
        """The operators that can be seen: those of the chart and of our manifests.

        Raises:
            Stalled: this person may not list Deployments there.
        """
        place = f"/namespaces/{namespace}" if namespace else ""
        where = f"namespace {namespace}" if namespace else "all namespaces"
        told, _ = await self._ask(
            "GET",
            f"/apis/apps/v1{place}/deployments",
            f"list the Deployments of {where}",
            query=[("labelSelector", LABELS)],
        )
        return [operator_of(one) for one in told.get("items", ())]

    async def may(self, permission: Permission, namespace: str, account: str = "") -> bool:
        """Whether this person, or a service account `namespace:name`, may do it.

        Raises:
            Stalled: this person may not ask about others.
        """
        attributes = {
            "namespace": namespace,
            "verb": permission.verb,
            "group": permission.group,
            "resource": permission.resource.partition("/")[0],
            "subresource": permission.resource.partition("/")[2],
            "name": permission.name,
        }
        spec: dict[str, Any] = {"resourceAttributes": attributes}
        kind, what = "SelfSubjectAccessReview", "ask for your permissions"
        if account:
            kind, what = "SubjectAccessReview", "ask for the permissions of others"
            home = account.partition(":")[0]
            groups = ["system:serviceaccounts", f"system:serviceaccounts:{home}", "system:authenticated"]
            spec |= {"user": f"system:serviceaccount:{account}", "groups": groups}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        told, _ = await self._ask("POST", f"{REVIEWS}/{kind.lower()}s", what, body=body)
        return bool(told.get("status", {}).get("allowed"))

    async def secret(self, namespace: str, ref: SecretRef) -> str | None:
        """A value of a Secret that this person may read; None where there is none.

        Raises:
            Stalled: they may not.
        """
        try:
            told, _ = await self._ask(
                "GET", f"/api/v1/namespaces/{namespace}/secrets/{ref.name}", f"read Secret {namespace}/{ref.name}"
            )
        except Gone:
            return None
        encoded = (told.get("data") or {}).get(ref.key)
        try:
            return base64.b64decode(encoded).decode().strip() if isinstance(encoded, str) else None
        except ValueError:
            return None

    async def _ask(
        self, method: str, path: str, what: str, *, query: Sequence[tuple[str, str]] = (), body: Any = None
    ) -> tuple[Json, Mapping[str, str]]:
        with translated(what):
            request = await self._client.param_serialize(
                method,
                path,
                query_params=list(query),
                header_params=dict(JSON),
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await self._client.call_api(*request, _request_timeout=TIMEOUT)
            await response.read()  # type: ignore[no-untyped-call]
            answer = self._client.response_deserialize(response, {"2XX": "object"})
            if not isinstance(answer.data, dict):
                raise ValueError("no object")
            headers = {name.lower(): value for name, value in (answer.headers or {}).items()}
            return answer.data, headers


def operator_of(deployment: Json) -> Operator:
    metadata, spec, status = (deployment.get(part) or {} for part in ("metadata", "spec", "status"))
    pod = (spec.get("template") or {}).get("spec") or {}
    container: Json = next(iter(pod.get("containers") or ()), {})
    environment = container.get("env") or ()
    return Operator(
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata.get("name", "")),
        version=str((metadata.get("labels") or {}).get("app.kubernetes.io/version", "")),
        replicas=int(spec.get("replicas", 1)),
        ready=int(status.get("readyReplicas") or 0),
        account=str(pod.get("serviceAccountName") or "default"),
        settings={one["name"]: str(one["value"]) for one in environment if "value" in one},
        key=key_of(pod, container, environment),
    )


def key_of(pod: Json, container: Json, environment: Sequence[Json]) -> SecretRef | None:
    """Where the operator's own key comes from: a variable from a Secret, or a file of a mounted one."""
    for one in environment:
        ref = (one.get("valueFrom") or {}).get("secretKeyRef")
        if one.get("name") in KEYS and ref:
            return SecretRef(name=ref["name"], key=ref["key"])
    path = next((str(one.get("value")) for one in environment if one.get("name") == KEY_FILE), "")
    folder, _, file = path.rpartition("/")
    mounted = {one.get("mountPath"): one.get("name") for one in container.get("volumeMounts") or ()}
    volume: Json = next(
        (one for one in pod.get("volumes") or () if folder and one.get("name") == mounted.get(folder)), {}
    )
    secret = volume.get("secret") or {}
    if not secret.get("secretName"):
        return None
    keys = {item.get("path"): item.get("key") for item in secret.get("items") or ()}
    return SecretRef(name=secret["secretName"], key=keys.get(file, file))
