"""How the operator goes to the Kubernetes API server: directly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bench import SimulatedApi, User, batch, inline, start_operator
from tests.processes import free_ports

pytestmark = pytest.mark.cluster


def proxies(**urls: str) -> dict[str, Any]:
    """The environment's proxies by scheme, in both cases, since programs differ in which one goes first."""
    said = {f"{scheme}_proxy": url for scheme, url in urls.items()} | {"no_proxy": ""}
    return said | {name.upper(): value for name, value in said.items()}


def test_the_way_to_the_batches_api_is_through_the_proxy_and_that_to_the_api_server_is_not(
    troubled_user: User, quick_api: SimulatedApi, tmp_path: Path
) -> None:
    """The simulator is the proxy for http, where a host that does not exist is asked; nobody is there for https."""
    [nobody] = free_ports(1)
    operator = start_operator(
        troubled_user.plane,
        "http://anthropic.invalid",
        tmp_path / "operator.log",
        "--namespace",
        troubled_user.namespace,
        NIGHTSORT_ANTHROPIC_API_KEY="proxied",
        NIGHTSORT_LEASE=f"{troubled_user.namespace}/nightsort",
        **proxies(https=f"http://127.0.0.1:{nobody}", http=quick_api.url),
    )
    try:
        troubled_user.apply(batch("proxied", inline("charged twice")))
        assert troubled_user.finished("proxied")["status"]["phase"] == "Complete"
    finally:
        operator.stop()
