"""What answers of an API server mean that a healthy one does not give; the others are in the contract suites."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import ApiClient, ApiException

from nightsort.adapters.kubernetes.client import connected, is_never_proxied, signed_in, translated
from nightsort.domain.errors import Stalled, Waiting


def answer(status: int, message: str = "", headers: dict[str, str] | None = None) -> ApiException:
    error = ApiException(status=status, body=json.dumps({"kind": "Status", "message": message}))
    error.headers = headers
    return error


@pytest.mark.parametrize("status", [401, 429, 500, 502, 503, 504])
def test_what_may_pass_is_waited_for(status: int) -> None:
    told = f"cannot read it: the Kubernetes API server answered {status}$"

    with pytest.raises(Waiting, match=told), translated("read it"):
        raise answer(status, "secret words")


def test_the_api_server_may_say_when_to_come_back() -> None:
    with pytest.raises(Waiting) as waiting, translated("read it"):
        raise answer(429, headers={"Retry-After": "7"})

    assert waiting.value.retry_after == 7


def test_an_object_beyond_the_limit_of_etcd_is_too_large() -> None:
    with pytest.raises(Stalled, match="larger than Kubernetes stores"), translated("write it"):
        raise answer(500, "etcdserver: request is too large")


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(104, "Connection reset by peer")])
def test_a_cut_connection_is_waited_for(error: OSError) -> None:
    with pytest.raises(Waiting, match="does not answer"), translated("read it"):
        raise error


def test_an_answer_that_is_no_status_is_understood_all_the_same() -> None:
    error = ApiException(status=502, body="<html>Bad gateway</html>")

    with pytest.raises(Waiting, match="answered 502"), translated("read it"):
        raise error


async def test_a_missing_kubeconfig_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    missing = tmp_path_factory.mktemp("empty") / "kubeconfig"

    with pytest.raises(Stalled, match=r"no cluster: .*Set KUBECONFIG"):
        async with connected(str(missing)):
            pass


def test_the_models_of_pods_are_not_loaded() -> None:
    """The library's class for the core group loads them all: 97 MB and two seconds of every start."""
    adapters = ["config_maps", "events", "ledger", "resources", "secrets"]
    imports = "; ".join(f"import nightsort.adapters.kubernetes.{name}" for name in adapters)
    show = f"import sys; {imports}; import nightsort.kube.process; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", show], stdout=subprocess.PIPE, text=True, check=True).stdout.split()

    assert "kubernetes.aio.client.api.custom_objects_api" in loaded
    assert not [name for name in loaded if name.endswith((".core_v1_api", ".v1_pod"))]


@pytest.mark.parametrize("content", ["", "nonsense", "{{{", "[]", "clusters: 7", "current-context: test\n"])
async def test_a_kubeconfig_that_is_none_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "config").write_text(content)

    for opened in (connected, signed_in):
        with pytest.raises(Stalled, match=r"no cluster: .*Set KUBECONFIG to a file that names one"):
            async with opened(str(tmp_path / "config")):
                pass


async def test_as_with_kubectl_the_first_file_with_content_names_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "config").write_text(
        "current-context: one\nusers: [{name: me, user: {token: a-token}}]\n"
        "clusters: [{name: here, cluster: {server: 'https://127.0.0.1:9'}}]\n"
        "contexts: [{name: one, context: {cluster: here, user: me, namespace: support}}, "
        "{name: two, context: {cluster: here, user: me}}]\n"
    )
    files = [tmp_path / name for name in ("missing", "empty", "config")]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, files)))

    async with signed_in() as (client, namespace):
        assert (client.configuration.host, namespace) == ("https://127.0.0.1:9", "support")
    async with signed_in(context="two") as (_, namespace):
        assert namespace == "default"
    with pytest.raises(Stalled, match=r"no cluster: .*three"):
        async with signed_in(context="three"):
            pass


def kubeconfig(folder: Path, server: str) -> str:
    (folder / "config").write_text(
        "current-context: one\nusers: [{name: me, user: {token: a-token}}]\n"
        f"clusters: [{{name: here, cluster: {{server: '{server}'}}}}]\n"
        "contexts: [{name: one, context: {cluster: here, user: me}}]\n"
    )
    return str(folder / "config")


async def asked(client: ApiClient) -> str:
    """What the server that the client got to says."""
    request = await client.param_serialize("GET", "/version")
    response = await client.call_api(*request, _request_timeout=5)
    return bytes(await response.read()).decode()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def saying(word: str) -> AsyncIterator[str]:
    """The URL of a server that says one word, whatever it is asked, and as a proxy for whatever host."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=word)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets proxies, in the case that goes first."""

    def put(proxy: str, unproxied: str = "") -> None:
        for name, value in {"http_proxy": proxy, "https_proxy": proxy, "no_proxy": unproxied}.items():
            monkeypatch.setenv(name, value)

    return put


async def test_the_operator_goes_to_the_api_server_past_the_proxies_of_the_environment(
    tmp_path: Path, environment: Callable[..., None]
) -> None:
    async with saying("server") as server, saying("proxy") as proxy:
        environment(proxy)
        async with connected(kubeconfig(tmp_path, server)) as client:
            assert await asked(client) == "server"


async def test_the_proxy_of_a_kubeconfig_is_asked_all_the_same(
    tmp_path: Path, environment: Callable[..., None]
) -> None:
    async with saying("proxy") as proxy:
        environment("http://127.0.0.1:9")
        named = kubeconfig(tmp_path, f"http://cluster.invalid', proxy-url: '{proxy}")
        for opened in (connected(named), signed_in(named)):
            async with opened as found:
                assert await asked(found[0] if isinstance(found, tuple) else found) == "proxy"


async def test_a_command_asks_the_proxies_of_the_environment_where_kubectl_does(
    tmp_path: Path, environment: Callable[..., None]
) -> None:
    async with saying("server") as server, saying("proxy") as proxy:
        environment(proxy)
        async with signed_in(kubeconfig(tmp_path, server)) as (client, _):
            assert await asked(client) == "server", "the own machine is never proxied"
        async with signed_in(kubeconfig(tmp_path, "http://cluster.invalid")) as (client, _):
            assert await asked(client) == "proxy"


@pytest.mark.parametrize(
    ("server", "never"),
    [
        ("https://127.0.0.1:6443", True),
        ("https://[::1]:6443", True),
        ("https://localhost:6443", True),
        ("https://10.1.2.3:6443", True),
        ("https://[fd00::7]:6443", True),
        ("https://192.0.2.7", True),
        ("https://192.0.2.8", False),
        ("https://cluster.example", False),
        ("https://10.example", False),
    ],
)
def test_kubectls_rules_for_what_no_proxy_is_asked_for_hold_where_python_has_none(
    environment: Callable[..., None], server: str, never: bool
) -> None:
    environment("http://127.0.0.1:9", unproxied=".example.com, 10.0.0.0/8,fd00::/8,192.0.2.7,,10.0.0.0/99")

    assert is_never_proxied(server) == never


def test_whom_the_api_server_refuses_is_named() -> None:
    told = 'batches is forbidden: User "system:serviceaccount:a:b" cannot list resource "batches" in the namespace "a"'
    with (
        pytest.raises(Stalled, match="cannot read it: system:serviceaccount:a:b is not allowed to"),
        translated("read it"),
    ):
        raise answer(403, told)
    with pytest.raises(Stalled, match="cannot read it: the account is not allowed to"), translated("read it"):
        raise answer(403, "no")
