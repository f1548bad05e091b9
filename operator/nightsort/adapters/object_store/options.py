"""Options of object stores in Secrets: the known ones, and the values that could lead elsewhere.

A store takes many more options, among them addresses and files of the operator's own machine. An option that is not
listed here is refused, since the author of the Secret is not the administrator.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from nightsort.domain.reasons import Reason
from nightsort.formats import bounded_json
from nightsort.system.hosts import HostNotAllowed, Resolver, addresses, is_allowed, look_up

Refuse = Callable[[str, Reason], Exception]
"""Makes the error from a message and a reason."""

CREDENTIALS = {
    "s3": "access_key_id and secret_access_key",
    "gs": "service_account_key",
    "az": "account_name, and account_key or sas_token",
}
DEFAULT_REGION = "us-east-1"
OPTIONS = {
    "s3": frozenset(
        {
            "access_key_id",
            "secret_access_key",
            "session_token",
            "region",
            "endpoint",
            "skip_signature",
            "virtual_hosted_style_request",
            "request_payer",
            "server_side_encryption",
            "sse_kms_key_id",
            "sse_bucket_key_enabled",
            "unsigned_payload",
        }
    ),
    "gs": frozenset({"service_account_key", "skip_signature"}),
    "az": frozenset({"account_name", "account_key", "sas_token", "endpoint", "skip_signature"}),
    "file": frozenset[str](),
}
PREFIXES = {"s3": ("aws_",), "gs": ("google_",), "az": ("azure_storage_", "azure_"), "file": ()}
ALIASES = {"token": "session_token", "endpoint_url": "endpoint", "default_region": "region", "sas_key": "sas_token"}
# Stricter than a URL may be: two parsers of one text could see different hosts in an odd one.
ENDPOINT = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?")
ENDPOINT_REFUSED = (
    "the Secret's endpoint {place}, or the address that its name stands for, is not among those that the operator's "
    "settings allow (NIGHTSORT_OBJECT_STORE_ENDPOINTS)"
)
# They become part of a host's name.
SHAPES = {"region": re.compile(r"[a-z0-9-]{1,64}"), "account_name": re.compile(r"[a-z0-9]{3,24}")}


@dataclass(frozen=True, slots=True)
class StorePolicy:
    """The stores that resources may name.

    `buckets` are patterns such as `s3://support-*`. `endpoints` are patterns of hosts, with a port where they name
    one; without any, only the clouds' own are allowed. `ambient`: resources without credentials use those of the
    operator's environment. `own`: the machine is the user's, so that patterns match it as well.
    """

    schemes: frozenset[str]
    buckets: tuple[str, ...] = ("*",)
    endpoints: tuple[str, ...] = ()
    ambient: bool = False
    own: bool = False
    resolve: Resolver = look_up

    def allows_bucket(self, scheme: str, bucket: str) -> bool:
        return any(fnmatchcase(f"{scheme}://{bucket}", pattern) for pattern in self.buckets)

    def allows_endpoint(self, url: str) -> bool:
        """IPv6 addresses are compared in their brackets: without them, the end would look like a port."""
        host, netloc, _ = parts_of(url)
        return is_allowed(host, self.endpoints, netloc, own=self.own)

    def leads_elsewhere(self, url: str) -> bool:
        """Whether the name of an allowed endpoint leads to an address that is not allowed; may ask a name server.

        A name without an address is left to the store's own client, which reports it, or asks a proxy.
        """
        host, _, port = parts_of(url)
        listed = [*self.endpoints, *(each.removesuffix(f":{port}") for each in self.endpoints)]
        try:
            addresses(host, port, listed, own=self.own, resolve=self.resolve)
        except HostNotAllowed:
            return True
        except OSError:
            return False
        return False


def parts_of(url: str) -> tuple[str, str, int]:
    """Host, host with port as it is written, and port, of a URL that ENDPOINT matches."""
    parts = urlsplit(url.lower())
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return (f"[{host}]" if ":" in host else host), parts.netloc, port


def authority_of(url: str) -> str:
    """Host and port for a message: such a URL has no user and no password."""
    host, _, port = parts_of(url)
    return f"{host}:{port}"


def checked(scheme: str, given: Mapping[str, str], policy: StorePolicy, refuse: Refuse) -> dict[str, str]:
    """The options by their own names; none of them leads to a place that the policy forbids.

    Keys may be written like the cloud's environment variables: AWS_ACCESS_KEY_ID is access_key_id.
    """
    options = {named(scheme, key): value for key, value in given.items()}
    if unknown := sorted(set(options) - OPTIONS[scheme]):
        allowed = ", ".join(sorted(OPTIONS[scheme])) or "none"
        raise refuse(
            f"the Secret has a key {unknown[0]!r}, which is no option here; options: {allowed}", Reason.STORE_OPTION
        )
    for name, shape in SHAPES.items():
        if name in options and not shape.fullmatch(options[name]):
            raise refuse(f"the Secret's {name} is none", Reason.STORE_OPTION)
    if "endpoint" in options:
        check_endpoint(options["endpoint"], policy, refuse)
    return options


def check_endpoint(url: str, policy: StorePolicy, refuse: Refuse) -> None:
    if not ENDPOINT.fullmatch(url):
        raise refuse("the Secret's endpoint is no URL like https://store.example:9000", Reason.STORE_OPTION)
    if not policy.allows_endpoint(url):
        raise refuse(ENDPOINT_REFUSED.format(place=authority_of(url)), Reason.STORE_NOT_ALLOWED)


def named(scheme: str, key: str) -> str:
    name = re.sub(r"[-.]", "_", key.lower())
    for prefix in PREFIXES[scheme]:
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    return ALIASES.get(name, name)


@dataclass(frozen=True, slots=True)
class Account:
    """The settings to open a store with. Credentials apart from the configuration are used alone.

    The library mixes its configuration with the environment's variables; no resource may work with a part of the
    operator's own credentials.
    """

    config: Mapping[str, str]
    credentials: Mapping[str, Any] | None = None
    complete: bool = False

    @property
    def provider(self) -> Callable[[], Any] | None:
        """Hands the credentials to the library, which asks again when they have expired: never."""
        credentials = self.credentials
        return None if credentials is None else lambda: {**credentials, "expires_at": None}


def account_of(scheme: str, options: Mapping[str, str], refuse: Refuse, *, ambient: bool) -> Account:
    """Raises the error of `refuse`: credentials are missing or invalid."""
    account = {"s3": of_s3, "gs": of_google, "az": of_azure}[scheme](options, refuse)
    anonymous = options.get("skip_signature", "").lower() in ("true", "1")
    if not (account.complete or anonymous or ambient):
        raise refuse(f"the Secret needs {CREDENTIALS[scheme]}", Reason.CREDENTIALS_MISSING)
    return account


def of_s3(options: Mapping[str, str], refuse: Refuse) -> Account:
    # Not every provider supports the deletion of many objects in one request.
    config = {"disable_bulk_delete": "true", **options}
    key, secret, token = (config.pop(name, None) for name in ("access_key_id", "secret_access_key", "session_token"))
    if not (key and secret):
        return Account(config)
    credentials = {"access_key_id": key, "secret_access_key": secret, "token": token}
    return Account({"region": DEFAULT_REGION, **config}, credentials, complete=True)


def of_google(options: Mapping[str, str], refuse: Refuse) -> Account:
    """Removes from a Google key file everything that could name addresses."""
    if "service_account_key" not in options:
        return Account(options)
    try:
        key = bounded_json.parsed(options["service_account_key"])
        kept = json.dumps({name: str(key[name]) for name in ("client_email", "private_key", "private_key_id")})
    except (ValueError, LookupError, TypeError):
        raise refuse(
            "the Secret's service_account_key is no key file of a service account", Reason.STORE_OPTION
        ) from None
    return Account({**options, "service_account_key": kept}, complete=True)


def of_azure(options: Mapping[str, str], refuse: Refuse) -> Account:
    config = dict(options)
    key, token = config.pop("account_key", None), config.pop("sas_token", None)
    if "account_name" not in config or not (key or token):
        return Account(config)
    if key is None:
        return Account(config, {"sas_token": token}, complete=True)
    try:
        base64.b64decode(key, validate=True)  # the library would not report it before its first call
    except binascii.Error:
        raise refuse("the Secret's account_key is not in base64", Reason.STORE_OPTION) from None
    return Account(config, {"access_key": key}, complete=True)
