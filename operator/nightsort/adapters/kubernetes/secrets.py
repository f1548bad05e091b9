"""Secrets of the cluster, of the resource's namespace only, and only those whose owner has opted in by a label.

People who may create a resource make the operator read a Secret that they may not read themselves; the label says
that this is wanted.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial

from kubernetes.aio.client import ApiClient, V1Secret

from nightsort.adapters.kubernetes.client import translated
from nightsort.adapters.kubernetes.core import CoreObjects
from nightsort.adapters.kubernetes.shared_read import SharedRead
from nightsort.api.credentials import SecretRef
from nightsort.api.model import GROUP
from nightsort.domain.errors import Gone, Stalled
from nightsort.domain.reasons import Reason

ALLOW = f"{GROUP}/allow"
MOST_VALUE_CHARS = 64 * 1024
"""Bytes of a key, a URL or an option, in base64. The longest, a key file of Google's, has 3,200."""
SHARED_SECONDS = 10.0
"""Seconds for which resources share one read of a Secret; a change, or a label, takes effect that much later."""


class KubeSecrets:
    def __init__(self, client: ApiClient) -> None:
        self._core = CoreObjects(client)
        self._reads: dict[tuple[str, str], SharedRead[V1Secret | None]] = {}

    async def read(self, namespace: str, ref: SecretRef) -> str:
        found = await self._allowed(namespace, ref.name, f"with the key {ref.key}")
        encoded = (found.data or {}).get(ref.key)
        if encoded is None:
            raise Stalled(
                f"Secret {ref.name} in namespace {namespace} has no key {ref.key}", reason=Reason.SECRET_KEY_MISSING
            )
        value = text_of(encoded, ref.name, ref.key)
        if not value:
            raise Stalled(f"Secret {ref.name}: the value of key {ref.key} is empty", reason=Reason.SECRET_KEY_MISSING)
        return value

    async def read_all(self, namespace: str, name: str) -> Mapping[str, str]:
        found = await self._allowed(namespace, name, "with the options it is to hold")
        if not found.data:
            raise Stalled(f"Secret {name} in namespace {namespace} has no keys", reason=Reason.SECRET_KEY_MISSING)
        return {key: text_of(encoded, name, key) for key, encoded in found.data.items()}

    async def _allowed(self, namespace: str, name: str, what: str) -> V1Secret:
        found = await self._shared(namespace, name).get(within=SHARED_SECONDS)
        if found is None:
            raise Stalled(
                f'Secret {name} is not in namespace {namespace}: create it {what} and the label {ALLOW}: "true"',
                reason=Reason.SECRET_MISSING,
            )
        check_label(found, namespace, name)
        return found

    def _shared(self, namespace: str, name: str) -> SharedRead[V1Secret | None]:
        """Forgets old reads: no value stays in memory for much longer than it is shared."""
        for place in [place for place, read in self._reads.items() if read.is_older(SHARED_SECONDS)]:
            del self._reads[place]
        place = (namespace, name)
        return self._reads.setdefault(place, SharedRead(partial(self._find, namespace, name)))

    async def _find(self, namespace: str, name: str) -> V1Secret | None:
        try:
            with translated(f"read Secret {namespace}/{name}"):
                return await self._core.read_namespaced_secret(name, namespace)
        except Gone:
            return None


def check_label(found: V1Secret, namespace: str, name: str) -> None:
    labels = (found.metadata.labels if found.metadata else None) or {}
    if labels.get(ALLOW) != "true":
        raise Stalled(
            f"Secret {name} may not be read by Nightsort. Its owner can allow that: "
            f"kubectl label secret {name} -n {namespace} {ALLOW}=true --overwrite",
            reason=Reason.SECRET_NOT_ALLOWED,
        )


def text_of(encoded: bytes | str, name: str, key: str) -> str:
    if len(encoded) > MOST_VALUE_CHARS:
        raise Stalled(
            f"Secret {name}: the value of key {key} has more than {MOST_VALUE_CHARS:,} characters in base64",
            reason=Reason.SECRET_INVALID,
        )
    try:
        return base64.b64decode(encoded).decode().strip()
    except ValueError:
        raise Stalled(f"Secret {name}: the value of key {key} is not text", reason=Reason.SECRET_INVALID) from None
