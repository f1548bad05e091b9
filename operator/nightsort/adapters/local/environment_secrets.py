"""Secrets of local mode: from Secret documents of the manifest file, else from the environment."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any

from nightsort.api.credentials import SecretRef
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason


class EnvSecrets:
    """`documents` are Secrets as in manifests, with `stringData` or base64 in `data`; `environ` is the environment.

    No label is required: the file and the environment are the user's own.
    """

    def __init__(self, documents: Iterable[Mapping[str, Any]], environ: Mapping[str, str]) -> None:
        self._documents = {place_of(document): document for document in documents}
        self._environ = environ

    async def read(self, namespace: str, ref: SecretRef) -> str:
        document = self._documents.get((namespace, ref.name))
        value = value_of(document, ref) if document is not None else self._environ.get(variable(ref))
        if value is not None and value.strip():
            return value.strip()
        raise Stalled(
            self._advice(document, ref), reason=Reason.SECRET_KEY_MISSING if document else Reason.SECRET_MISSING
        )

    async def read_all(self, namespace: str, name: str) -> Mapping[str, str]:
        """Variables that begin with the Secret's name stand for its keys: S3_REGION is region of Secret s3."""
        document = self._documents.get((namespace, name))
        if document is None:
            values = {key: value.strip() for key, value in variables(self._environ, name).items()}
        else:
            keys = {*(document.get("stringData") or {}), *(document.get("data") or {})}
            refs = [SecretRef(name=name, key=key) for key in sorted(keys)]
            values = {ref.key: (value_of(document, ref) or "").strip() for ref in refs}
        if values:
            return values
        raise Stalled(
            f"Secret {name} is not in the manifest file, or is empty: add it to the file, or set an environment "
            f"variable {prefix_of(name)}… for each of its keys",
            reason=Reason.SECRET_KEY_MISSING if document else Reason.SECRET_MISSING,
        )

    def _advice(self, document: Mapping[str, Any] | None, ref: SecretRef) -> str:
        if document is not None:
            return f"Secret {ref.name} in the manifest file has no value under the key {ref.key}"
        return (
            f"Secret {ref.name} is not in the manifest file: set the environment variable {variable(ref)}, "
            f"or add a Secret {ref.name} with the key {ref.key} to the file"
        )


def variable(ref: SecretRef) -> str:
    """The variable that stands for a key of a Secret: anthropic, api-key → ANTHROPIC_API_KEY."""
    return f"{prefix_of(ref.name)}{re.sub(r'[^A-Z0-9]', '_', ref.key.upper())}"


def prefix_of(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper()) + "_"


def variables(environ: Mapping[str, str], name: str) -> dict[str, str]:
    """The variables that stand for keys of a Secret, by keys: S3_REGION → region."""
    prefix = prefix_of(name)
    return {key.removeprefix(prefix).lower(): value for key, value in environ.items() if key.startswith(prefix)}


def value_of(document: Mapping[str, Any], ref: SecretRef) -> str | None:
    """The document's values; `stringData` takes precedence over `data`, as with the API server."""
    plain = (document.get("stringData") or {}).get(ref.key)
    if plain is not None:
        return text(plain, ref)
    encoded = (document.get("data") or {}).get(ref.key)
    if encoded is None:
        return None
    try:
        return base64.b64decode("".join(text(encoded, ref).split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Stalled(
            f"Secret {ref.name}: data.{ref.key} is not text in base64; plain text belongs under stringData",
            reason=Reason.SECRET_INVALID,
        ) from None


def text(value: Any, ref: SecretRef) -> str:
    if not isinstance(value, str):
        raise Stalled(f"Secret {ref.name}: the value of {ref.key} must be text: quote it", reason=Reason.SECRET_INVALID)
    return value


def place_of(document: Mapping[str, Any]) -> tuple[str, str]:
    metadata = document.get("metadata") or {}
    return metadata.get("namespace") or "default", metadata.get("name") or ""
