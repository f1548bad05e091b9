"""The operator's settings: flags of `nightsort operator`, or environment variables with the prefix NIGHTSORT_."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from nightsort.domain.prices import Price

API_URL = "https://api.anthropic.com"


class Settings(BaseSettings):
    """Times are seconds. Settings that no resource may decide are here: the API's address, the databases' hosts."""

    model_config = SettingsConfigDict(
        env_prefix="NIGHTSORT_", env_ignore_empty=True, frozen=True, populate_by_name=True
    )

    namespaces: Annotated[tuple[str, ...], NoDecode] = ()
    """The namespaces to watch; none means all."""

    anthropic_base_url: str = Field(
        default=API_URL, validation_alias=AliasChoices("NIGHTSORT_ANTHROPIC_BASE_URL", "ANTHROPIC_BASE_URL")
    )
    """Where the Message Batches API is; results are read there too. The SDK's own variable counts beneath ours."""
    anthropic_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("NIGHTSORT_ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY")
    )
    """The operator's own key, for resources without `credentials`. Without it such resources stall."""
    anthropic_api_key_file: Path | None = None
    """A file with that key, read anew for each use: it can be replaced while the operator runs.

    It goes before a key in the environment, also while it is empty or missing: no other account pays unasked.
    """

    adoption_grace_seconds: float = Field(default=600.0, ge=0)
    """How long a batch whose create was not answered may stay out of the API's list before it is bought again."""

    enqueued_requests: int = Field(default=200_000, gt=0)
    """How many requests may be enqueued at once under one API key: the organisation's limit, or its share."""

    prices: Annotated[dict[str, Price], NoDecode] = Field(default_factory=dict)
    """Prices of one's own by model id, over those of the price table; JSON in the environment."""

    create_timeout_seconds: float = Field(default=300.0, gt=0)
    """How long a create call may take; at most half of the grace counts, the other half is the list's to show it."""
    patience_seconds: float = Field(default=900.0, ge=0)
    """How long a run may wait for what should pass by itself, until it is Stalled; it goes on by itself even so."""
    farewell_seconds: float = Field(default=30.0, gt=0)
    """How long the deletion of a running resource may wait for its batches to be cancelled."""

    database_hosts: Annotated[tuple[str, ...], NoDecode] = ("*",)
    """Host patterns that database URLs of resources may name."""

    object_store_buckets: Annotated[tuple[str, ...], NoDecode] = ("*",)
    """Patterns of buckets that resources may name, such as s3://support-*."""

    object_store_endpoints: Annotated[tuple[str, ...], NoDecode] = ()
    """Host patterns that an `endpoint` of a resource's Secret may name; none means the clouds' own endpoints alone."""

    object_store_ambient_credentials: bool = False
    """Whether resources without credentials for their store use those of the operator's pod and environment."""

    liveness_port: int | None = None
    lease: str | None = Field(default=None, pattern=r"^[a-z0-9-]+/[a-z0-9.-]+$")
    """NAMESPACE/NAME of the Lease by which one of several replicas is active; without it there is only one."""
    log_format: Literal["text", "json"] = "text"
    traces: Literal["none", "otlp"] = "none"
    """OpenTelemetry; where they go is told by its own variables, such as OTEL_EXPORTER_OTLP_ENDPOINT."""

    @property
    def longest_create_seconds(self) -> float:
        """Bounds the call: one that outlives its grace would be bought again while it is in progress."""
        return min(self.create_timeout_seconds, max(self.adoption_grace_seconds / 2, 1.0))

    @field_validator("anthropic_base_url")
    @classmethod
    def _is_a_base(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"must be a URL such as {API_URL}")
        if parts.path.rstrip("/").endswith("/v1"):
            raise ValueError("must be the URL without /v1, which every call adds by itself")
        return value

    @field_validator("prices", mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("prices")
    @classmethod
    def _are_not_negative(cls, value: dict[str, Price]) -> dict[str, Price]:
        for model, price in value.items():
            if min(price.input, price.output, price.cache_write, price.cache_read, price.hour_write) < 0:
                raise ValueError(f"the prices of {model!r} must not be negative")
            if price.agreed_on is not None:
                date.fromisoformat(price.agreed_on)
        return value

    @field_validator("namespaces", "database_hosts", "object_store_buckets", "object_store_endpoints", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Lists are written with commas in the environment."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
