"""Secrets of the cluster, of the resource's namespace only, and only those whose owner has opted in by a label.

Whoever may create a resource makes the operator read a Secret that they may not read themselves; the label says that
this is wanted.
"""

from __future__ import annotations

import base64
import binascii

from kubernetes.aio.client import ApiClient, CoreV1Api, V1Secret

from nightsort.adapters.kube_client import TIMEOUT, translated
from nightsort.api.model import GROUP
from nightsort.api.spec import SecretRef
from nightsort.domain.errors import Gone, Stalled

ALLOW = f"{GROUP}/allow"


class KubeSecrets:
    def __init__(self, client: ApiClient) -> None:
        self._core = CoreV1Api(client)

    async def read(self, namespace: str, ref: SecretRef) -> str:
        try:
            with translated(f"read Secret {namespace}/{ref.name}"):
                found = await self._core.read_namespaced_secret(ref.name, namespace, _request_timeout=TIMEOUT)
        except Gone:
            raise Stalled(
                f"Secret {ref.name} is not in namespace {namespace}: create it with the key {ref.key} "
                f'and the label {ALLOW}: "true"',
                reason="SecretMissing",
            ) from None
        check_label(found, namespace, ref)
        return value_of(found, namespace, ref)


def check_label(found: V1Secret, namespace: str, ref: SecretRef) -> None:
    labels = (found.metadata.labels if found.metadata else None) or {}
    if labels.get(ALLOW) != "true":
        raise Stalled(
            f"Secret {ref.name} may not be read by Nightsort. Its owner can allow that: "
            f"kubectl label secret {ref.name} -n {namespace} {ALLOW}=true --overwrite",
            reason="SecretNotAllowed",
        )


def value_of(found: V1Secret, namespace: str, ref: SecretRef) -> str:
    encoded = (found.data or {}).get(ref.key)
    if encoded is None:
        raise Stalled(f"Secret {ref.name} in namespace {namespace} has no key {ref.key}", reason="SecretKeyMissing")
    try:
        value = base64.b64decode(encoded).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        raise Stalled(f"Secret {ref.name}: the value of key {ref.key} is not text", reason="SecretInvalid") from None
    if not value:
        raise Stalled(f"Secret {ref.name}: the value of key {ref.key} is empty", reason="SecretKeyMissing")
    return value
