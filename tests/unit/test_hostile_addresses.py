"""No address that a resource can name leads next to the operator, unless its administrator has named it in full."""

from __future__ import annotations

import pytest

from nightsort.adapters.databases import Database, DatabasePolicy
from nightsort.adapters.hosts import is_allowed
from nightsort.adapters.object_options import StorePolicy
from nightsort.adapters.object_stores import Folder
from nightsort.domain.errors import Stalled
from nightsort.settings import Settings

NEAR = [
    "localhost",
    "LOCALHOST.",
    "db.localhost",
    "ip6-localhost",
    "127.0.0.1",
    "127.1",
    "127.8.8.8",
    "0x7f.1",
    "2130706433",
    "017700000001",
    "0.0.0.0",
    "0",
    "::1",
    "[::1]",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "::ffff:169.254.169.254",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "168.63.129.16",
    "100.100.100.200",
    "metadata.google.internal",
    "224.0.0.1",
    "/var/run/postgresql",
    "@socket",
    "",
]
FAR = [
    "db.example.com",
    "tickets.support.svc",
    "10.1.2.3",
    "192.168.1.7",
    "203.0.113.9",
    "2001:db8::1",
    "localhost.example",
]


@pytest.mark.parametrize("host", NEAR)
def test_a_wildcard_does_not_stand_for_the_operators_own_machine_or_its_clouds_metadata(host: str) -> None:
    assert not is_allowed(host, ["*"])
    assert not is_allowed(host, ["*.example.com", f"{host[:1]}*", "?*"])
    assert is_allowed(host, ["*"], own=True)
    assert is_allowed(host, [host])


@pytest.mark.parametrize("host", FAR)
def test_a_wildcard_stands_for_any_other_host(host: str) -> None:
    assert is_allowed(host, ["*"])
    assert not is_allowed(host, ["*.example.org"])


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@169.254.169.254:80/x",
        "postgresql://u:hunter2@localhost/x",
        "postgresql:///x",
        "postgresql://u:hunter2@%2Fvar%2Frun%2Fpostgresql/x",
        "postgresql://u:hunter2@db.example.com,127.0.0.1/x",
        "postgresql://u:hunter2@[::1]:5432/x",
        "mysql://u:hunter2@127.1:3306/x",
        "mariadb://u:hunter2@0/x",
    ],
)
def test_by_default_no_database_url_leads_next_to_the_operator(url: str) -> None:
    policy = DatabasePolicy(frozenset({"postgresql", "mysql", "mariadb"}), Settings().database_hosts)

    with pytest.raises(Stalled) as told:
        Database(url, policy, "spec.source.database", "SELECT")

    assert told.value.reason == "DatabaseNotAllowed"
    assert "hunter2" not in told.value.message


@pytest.mark.parametrize("endpoints", [Settings().object_store_endpoints, ("*",), ("*:9000", "1*")], ids=str)
@pytest.mark.parametrize("host", ["169.254.169.254", "localhost", "127.1:9000", "[::1]:9000", "0"])
def test_no_endpoint_leads_next_to_the_operator(host: str, endpoints: tuple[str, ...]) -> None:
    options = {"access_key_id": "AK", "secret_access_key": "hunter2", "endpoint": f"http://{host}/latest/meta-data"}

    policy = StorePolicy(frozenset({"s3"}), endpoints=endpoints)

    with pytest.raises(Stalled) as told:
        Folder("s3://support/", options, policy, place="source.objectStore", rights="read")

    assert told.value.reason == "StoreNotAllowed"


def test_an_administrator_may_name_a_sidecar_in_full() -> None:
    policy = DatabasePolicy(frozenset({"postgresql"}), ("localhost", "*.svc"))
    Database("postgresql://u:p@localhost:5432/x", policy, "here", "SELECT")
    assert StorePolicy(frozenset({"s3"}), endpoints=("127.0.0.1:9000",)).allows_endpoint("http://127.0.0.1:9000/")
    assert not StorePolicy(frozenset({"s3"}), endpoints=("127.0.0.1:9000",)).allows_endpoint("http://127.0.0.1:9001/")
