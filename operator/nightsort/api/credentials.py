"""The account that pays, and how a resource names a Secret."""

from __future__ import annotations

from nightsort.api.model import DataKey, Model, Name


class SecretRef(Model):
    """A key of a Secret in the resource's namespace that carries the label `nightsort.dev/allow: "true"`."""

    name: Name
    """The Secret's name."""
    key: DataKey
    """The key in it."""


class Credentials(Model):
    """The account that pays: an API key of the Message Batches API."""

    secret_ref: SecretRef
