"""The Kubernetes client for all adapters of this package: opening, translated errors, owner references."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yaml
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, ApiException, Configuration, V1ObjectMeta, V1OwnerReference

from nightsort import __version__
from nightsort.api.model import API_VERSION, GROUP, KIND
from nightsort.api.resource import Meta
from nightsort.domain.errors import Conflict, Gone, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.formats import bounded_json

# Seconds for a whole request: far above what an API server needs, far below what a person waits.
TIMEOUT = 30.0
# All passes share these connections, in the order of their calls; each namespace has a share of the passes. A
# connection takes a quarter of a megabyte for asyncio's read buffer, and a call takes milliseconds.
CONNECTIONS = 10
MANAGED_BY = "app.kubernetes.io/managed-by"
RESOURCE_LABEL = f"{GROUP}/resource"
MAX_LABEL = 63
MOST_BODY_CHARS = 64 * 1024
"""Bytes of an error's body, which may be a proxy's page. The API server's own answers are far shorter."""
MOST_FIELDS = 10
"""Number of refused fields that a message names."""
DEFAULT_KUBECONFIG = "~/.kube/config"
NAMESPACE_OF_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
# The API server's words when RBAC does not know the user.
DENIED = re.compile(r'User "([^"\n]{1,300})" cannot ')


@asynccontextmanager
async def connected(kubeconfig: str | None = None) -> AsyncIterator[ApiClient]:
    """A client of the cluster that this kubeconfig names.

    Without one: of the cluster that this process runs in, else of the one that KUBECONFIG or ~/.kube/config names. This
    is kopf's order. The environment's proxies lead out of the cluster and are ignored, as kopf ignores them; a
    kubeconfig's `proxy-url` is used.

    Raises:
        Stalled: there is no such configuration.
    """
    settings = await configuration(kubeconfig)
    settings.connection_pool_maxsize = CONNECTIONS
    async with client_of(settings, "nightsort") as client:
        yield client


@asynccontextmanager
async def signed_in(kubeconfig: str | None = None, context: str | None = None) -> AsyncIterator[tuple[ApiClient, str]]:
    """A client of the cluster that kubectl would talk to, and the namespace that it would use.

    The cluster comes from the given file, else from KUBECONFIG, else from ~/.kube/config; without any of them it is the
    cluster that this process runs in. The environment's proxies are used where kubectl uses them, and not in a cluster.

    Raises:
        Stalled: there is no such configuration, or no such context in it.
    """
    settings = Configuration()
    paths = kubeconfig or os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
    if not kubeconfig and not context and not with_content(paths) and in_cluster(settings):
        namespace, trusting = namespace_of_pod(), False
    else:
        namespace = await from_file(settings, paths, context)
        trusting = not is_never_proxied(settings.host)
    async with client_of(settings, "kubectl-nightsort", trusting=trusting) as client:
        yield client, namespace or "default"


def client_of(settings: Configuration, name: str, *, trusting: bool = False) -> ApiClient:
    """A client with this name in audit logs, and in `managedFields` as the writer.

    trusting: whether HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment count; the library's default.
    """
    settings.client_session_kwargs = {"trust_env": trusting}
    client = ApiClient(settings)
    client.user_agent = f"{name}/{__version__}"
    return client


def is_never_proxied(server: str) -> bool:
    """Addresses that kubectl reaches directly while Python does not: this machine, and networks in NO_PROXY.

    The rules are those of Go's golang.org/x/net/http/httpproxy.
    """
    host = urlsplit(server).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return address.is_loopback or any(address in network for network in networks_of(listed))


def networks_of(listed: str) -> Iterator[IPv4Network | IPv6Network]:
    for entry in listed.split(","):
        with suppress(ValueError):  # a host or a domain, which Python handles as well
            yield ip_network(entry.strip(), strict=False)


async def configuration(kubeconfig: str | None) -> Configuration:
    settings = Configuration()
    if kubeconfig is None and in_cluster(settings):
        return settings
    await from_file(settings, kubeconfig or os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG)
    return settings


async def from_file(settings: Configuration, paths: str, context: str | None = None) -> str:
    """Takes the settings from kubeconfig files, as KUBECONFIG lists them; returns the context's namespace, or nothing.

    The client fails on an empty file where kubectl goes on to the next one.
    """
    hint = "Set KUBECONFIG to a file that names one"
    usable = with_content(paths)
    if not usable:
        raise Stalled(f"no cluster: {paths} is missing or empty. {hint}", reason=Reason.NO_CLUSTER)
    try:
        loader = await config.load_kube_config(  # type: ignore[no-untyped-call]
            os.pathsep.join(usable), context, client_configuration=settings, persist_config=False
        )
    except config.ConfigException as error:
        raise Stalled(f"no cluster: {error}. {hint}", reason=Reason.NO_CLUSTER) from error
    except (AttributeError, LookupError, OSError, TypeError, ValueError, yaml.YAMLError) as error:
        # The client's exceptions for a file that is no YAML, or no kubeconfig.
        raise Stalled(f"no cluster: {paths} is no usable kubeconfig. {hint}", reason=Reason.NO_CLUSTER) from error
    return str(loader.current_context["context"].get("namespace") or "")


def with_content(paths: str) -> list[str]:
    """The files that exist and are not empty."""
    files = [Path(path).expanduser() for path in paths.split(os.pathsep) if path]
    return [str(file) for file in files if file.is_file() and file.stat().st_size]


def namespace_of_pod() -> str:
    return NAMESPACE_OF_POD.read_text().strip() if NAMESPACE_OF_POD.exists() else ""


def in_cluster(settings: Configuration) -> bool:
    try:
        config.load_incluster_config(settings)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        return False
    return True


def owned(owner: Meta, name: str, version: str | None = None) -> V1ObjectMeta:
    """Metadata of an object that is deleted with its owner, and does not hold up the owner's deletion.

    The owner's labels are not copied: Argo CD and Helm would take the object for one of their own.
    """
    reference = V1OwnerReference(
        api_version=API_VERSION, kind=KIND, name=owner.name, uid=owner.uid, controller=False, block_owner_deletion=False
    )
    label = owner.name[:MAX_LABEL].rstrip("-._")
    return V1ObjectMeta(
        name=name,
        namespace=owner.namespace,
        labels={MANAGED_BY: "nightsort", RESOURCE_LABEL: label},
        owner_references=[reference],
        resource_version=version,
    )


def field_of(cause: Mapping[str, Any]) -> str:
    field = str(cause.get("field", ""))[:MAX_LABEL]
    return "" if field == "<nil>" else field


@contextmanager
def translated(what: str, hint: str = "") -> Iterator[None]:
    """Translates the client's errors into the flow's; `what` was tried, as in "read Secret support/anthropic".

    hint: what to do when the API server refuses a field.

    Raises:
        Conflict: 409. Gone: 404. Stalled: forbidden, too large, refused by a schema. Waiting: all errors that may pass.
    """
    try:
        yield
    except ApiException as error:
        raise translation(what, hint, error) from error
    except (aiohttp.ClientError, OSError) as error:  # a time-out is an OSError
        raise Waiting(
            f"cannot {what}: the Kubernetes API server does not answer ({type(error).__name__})",
            reason=Reason.KUBERNETES_UNAVAILABLE,
        ) from error
    except (ValueError, RecursionError) as error:
        raise Waiting(
            f"cannot {what}: what came was no answer of a Kubernetes API server", reason=Reason.KUBERNETES_UNAVAILABLE
        ) from error


def translation(what: str, hint: str, error: ApiException) -> Exception:
    """The meaning of an answer of the API server. Its message is not repeated: it may quote what was written."""
    answer = Answer(error)
    if error.status == 409:
        return Conflict(what)
    if error.status == 404:
        return Gone(what)
    if error.status == 413 or answer.whole_is_too_long:
        return Stalled(f"cannot {what}: it is larger than Kubernetes stores", reason=Reason.TOO_LARGE)
    if error.status == 403:
        return forbidden(what, answer)
    if error.status in (400, 422):
        fields = ", ".join(answer.fields) or "the request"
        return Stalled(f"cannot {what}: the API server refuses {fields}{hint}", reason=Reason.REFUSED_BY_KUBERNETES)
    return Waiting(
        f"cannot {what}: the Kubernetes API server answered {error.status}",
        reason=Reason.KUBERNETES_UNAVAILABLE,
        retry_after=answer.retry_after,
    )


def forbidden(what: str, answer: Answer) -> Stalled | Waiting:
    if answer.says("exceeded quota"):
        return Stalled(
            f"cannot {what}: a ResourceQuota of the namespace is used up; raise it", reason=Reason.QUOTA_EXCEEDED
        )
    if answer.says("being terminated"):
        return Waiting(f"cannot {what}: the namespace is being deleted", reason=Reason.NAMESPACE_TERMINATING)
    return Stalled(f"cannot {what}: {answer.who} is not allowed to; a Role must allow it", reason=Reason.FORBIDDEN)


class Answer:
    """An error's body, a `metav1.Status`, if it is one."""

    def __init__(self, error: ApiException) -> None:
        self._headers = error.headers or {}
        body = str(error.body or "")[:MOST_BODY_CHARS]
        try:
            parsed = bounded_json.parsed(body)
        except ValueError:
            parsed = None
        self._status: dict[str, Any] = parsed if isinstance(parsed, dict) else {"message": body}

    def says(self, words: str) -> bool:
        return words in str(self._status.get("message"))

    @property
    def who(self) -> str:
        """The user that the API server refused; nothing that was written is repeated."""
        denied = DENIED.search(str(self._status.get("message")))
        return denied[1] if denied else "the account"

    @property
    def causes(self) -> Sequence[Mapping[str, str]]:
        details = self._status.get("details")
        causes = details.get("causes") if isinstance(details, dict) else None
        return [cause for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else ()

    @property
    def whole_is_too_long(self) -> bool:
        """The answers to a ConfigMap over 1 MiB and to an object beyond etcd's limit (seen on 1.37)."""
        whole = any((cause.get("reason"), cause.get("field")) == ("FieldValueTooLong", "[]") for cause in self.causes)
        return whole or self.says("request is too large")

    @property
    def fields(self) -> list[str]:
        """The fields that the API server complains of."""
        return list(dict.fromkeys(each for each in map(field_of, self.causes) if each))[:MOST_FIELDS]

    @property
    def retry_after(self) -> float | None:
        value = str(self._headers.get("Retry-After", ""))
        return float(value) if value.isdecimal() else None
