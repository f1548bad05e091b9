"""A digest of all that the answer to a ticket depends on: as long as it is the same, no answer is bought again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from nightsort.api.model import Model
from nightsort.api.spec import Spec

DIGEST_BYTES = 16
BESIDE = {"fields", "categories_per_ticket", "confidence", "rationale"}
NO_MATTER = {"caching"}
"""Fields that change what an answer costs, and not the answer."""
UNSENDABLE = b""
"""The digest of a ticket without any text."""


def settings_of(spec: Spec, *, simulated: bool | Mapping[str, Any] = False) -> dict[str, Any]:
    """The settings that all tickets of a run share: the user's words, and not the text that our versions put around.

    Defaults are left out, so that a later version with further fields finds the same. A simulated answer does not
    count for a real request; `simulated` may say how it was simulated.
    """

    def written(part: Model) -> dict[str, Any]:
        return part.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=NO_MATTER)

    return {
        **({"simulated": simulated} if simulated else {}),
        "model": spec.model,
        "categories": [written(category) for category in spec.categories],
        "unknownLabel": written(spec.unknown_label),
        "prompt": written(spec.prompt) | shown_beside(spec),
        **fields_asked(spec),
    }


def shown_beside(spec: Spec) -> dict[str, Any]:
    """Whether examples are shown. Which ones is seen in the text that is sent, wherever they come from."""
    pool = spec.prompt.examples_from
    return {} if pool is None else {"examplesFrom": {"k": pool.k}}


def fields_asked(spec: Spec) -> dict[str, Any]:
    """What is asked beside the category, as it is written; nothing where nothing is."""
    return spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=BESIDE)


def as_words(settings: dict[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True, ensure_ascii=False)


def digest_of_settings(settings: dict[str, Any]) -> bytes:
    return blake2b(as_words(settings).encode(), digest_size=DIGEST_BYTES).digest()


def digest_of_text(text: bytes | None) -> bytes:
    """The digest of the ticket's text as it is sent."""
    return UNSENDABLE if text is None else blake2b(text, digest_size=DIGEST_BYTES).digest()


class Hashes:
    """The hash that stands beside a ticket's row, for one spec: 32 hexadecimal digits of settings and text together."""

    def __init__(self, spec: Spec, *, simulated: bool = False) -> None:
        self._settings = digest_of_settings(settings_of(spec, simulated=simulated))

    def of(self, text: bytes | None) -> str:
        """`text` as it is sent; None where the ticket has none."""
        return blake2b(self._settings + digest_of_text(text), digest_size=DIGEST_BYTES).hexdigest()
