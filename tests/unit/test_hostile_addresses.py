"""No address that a resource can name leads next to the operator, unless its administrator has named it in full."""

from __future__ import annotations

import socket
import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.adapters.object_store.options import StorePolicy
from nightsort.adapters.object_store.store import Folder
from nightsort.adapters.sql.database import Database
from nightsort.adapters.sql.policy import DatabasePolicy
from nightsort.domain.errors import Stalled
from nightsort.settings import Settings
from nightsort.system.hosts import (
    HostNotAllowed,
    Resolver,
    addresses,
    is_allowed,
    is_near,
    is_of_this_machine,
    look_up,
)

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
    "fe80::1",
    "::ffff:7f00:1",
    "::127.0.0.1",
    "64:ff9b:1::127.0.0.1",
    "2001:0:7f00:1::",
    "fd12::5efe:127.0.0.1",
    "fd20:ce::254",
    "fd00:ec2::23",
    "127.0.0.1.",
    "0x7f.0.0x.1",
    "0x",
    "0.1.2.3",
    "fd00:ec2::254",
    "168.63.129.16",
    "100.100.100.200",
    "metadata.google.internal",
    "224.0.0.1",
    "",
]
# Other readers than Python's comparison cut or fold them, or take them for a file or a zone.
NO_HOSTS = [
    "127.0.0.2\0.team.svc",
    "loc\u00adalhost",
    "\uff11\uff12\uff17.0.0.1",
    "127\u30020\u30020\u30021",
    "\u2460\u2461\u2466.0.0.1",
    "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
    "LOCALHOST\u200b",
    "loca\u017fhost",
    "[::1%lo]",
    "::1%lo",
    "fe80::1%eth0",
    "/var/run/postgresql",
    "@socket",
    "%2Fvar%2Frun",
    "127.0.0.1 .svc",
    "127.0.0.1\n",
    "127.0.0.1#.svc",
    "db.svc\\@127.0.0.1",
    "[[::1]]",
    "[::1",
    "\u0660.svc",
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


@pytest.mark.parametrize("host", NO_HOSTS)
def test_what_resolvers_would_fold_or_cut_is_no_host_whatever_is_listed(host: str) -> None:
    assert not is_allowed(host, ["*", "*.svc", host], own=True)
    assert is_near(host)


@pytest.mark.parametrize(
    ("host", "listed"),
    [("127.1", "127.0.0.1"), ("[::1]", "0:0::1"), ("::ffff:10.1.2.3", "10.1.2.3"), ("DB.Example.", "db.example")],
)
def test_a_host_is_compared_as_what_is_connected_to(host: str, listed: str) -> None:
    assert is_allowed(host, [listed])


def test_a_number_does_not_match_a_pattern_of_its_digits() -> None:
    assert not is_allowed("167772161", ["1677*"])
    assert is_allowed("167772161", ["10.0.*"])


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
        "postgresql://u:hunter2@127.0.0.2\0.team.svc/x",
        "mysql://u:hunter2@127.0.0.2\0.team.svc/x",
        "mysql://u:hunter2@\uff11\uff12\uff17.0.0.1/x",
        "postgresql://u:hunter2@loc\u00adalhost/x",
        "postgresql://u:hunter2@db.example.com,,db.example.com/x",
        "mysql://u:hunter2@[::1%25lo]/x",
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
    assert not StorePolicy(frozenset({"s3"}), endpoints=("127.0.0.1:9000",)).leads_elsewhere("http://127.0.0.1:9000/")


def test_the_end_of_an_address_is_no_port() -> None:
    policy = StorePolicy(frozenset({"s3"}), endpoints=("*:9000",))
    assert not policy.allows_endpoint("https://[2001:db8::9000]/")
    assert policy.allows_endpoint("https://[2001:db8::1]:9000/")


def leading_to(*found: str) -> Resolver:
    return lambda host, port: found


@pytest.mark.parametrize(
    "found", ["127.0.0.1", "::1", "169.254.169.254", "::ffff:127.0.0.1", "fe80::1%eth0", "0.0.0.0"]
)
@pytest.mark.parametrize("patterns", [["*"], ["*.svc"], ["db.team.svc"], ["db.team.svc", "localhost"]], ids=str)
def test_no_name_stands_for_an_address_next_to_the_operator(found: str, patterns: list[str]) -> None:
    """Whoever may name services lets `db.team.svc` lead anywhere, even where it is listed in full."""
    with pytest.raises(HostNotAllowed):
        addresses("db.team.svc", 5432, patterns, resolve=leading_to("10.1.2.3", found))


def test_an_address_next_to_the_operator_counts_where_it_is_listed_or_its_own_name_is() -> None:
    loopback = leading_to("127.0.0.1")
    assert addresses("sidecar", 5432, ["sidecar", "127.0.0.1"], resolve=loopback) == ["127.0.0.1"]
    assert addresses("localhost", 5432, ["localhost"], resolve=loopback) == ["127.0.0.1"]
    assert addresses("sidecar", 5432, ["*"], own=True, resolve=loopback) == ["127.0.0.1"]
    assert addresses("db.svc", 5432, ["*.svc"], resolve=leading_to("203.0.113.9")) == ["203.0.113.9"]


def test_an_address_of_the_machines_own_is_next_to_the_operator() -> None:
    assert is_of_this_machine("127.0.0.1")
    assert not is_of_this_machine("203.0.113.9")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):  # there may be no way out
        probe.connect(("203.0.113.9", 9))
        with pytest.raises(HostNotAllowed):
            addresses("db.svc", 5432, ["*"], resolve=leading_to(probe.getsockname()[0]))


@pytest.mark.parametrize("found", [(), ("10.0.0.1",) * 3000])
def test_a_name_of_no_or_of_many_addresses_is_bounded(found: tuple[str, ...]) -> None:
    if not found:
        with pytest.raises(OSError, match="no address"):
            addresses("db.svc", 5432, ["*"], resolve=leading_to())
    else:
        assert len(addresses("db.svc", 5432, ["*"], resolve=leading_to(*found))) == 8


@pytest.mark.parametrize("host", ["a" * 64 + ".svc", "a..svc", "nowhere.invalid"])
def test_a_name_that_cannot_be_resolved_is_an_error_of_the_system(host: str) -> None:
    with pytest.raises(OSError):
        look_up(host, 5432)


def test_an_endpoint_whose_name_leads_next_to_the_operator_is_not_called() -> None:
    options = {"access_key_id": "AK", "secret_access_key": "hunter2", "endpoint": "http://minio.team.svc:9000"}
    policy = StorePolicy(frozenset({"s3"}), endpoints=("*.svc:9000",), resolve=leading_to("169.254.169.254"))
    folder = Folder("s3://support/", options, policy, place="source.objectStore", rights="read")

    for work in (lambda: list(folder.names()), lambda: folder.read("a.csv"), lambda: folder.put("a", b"")):
        with pytest.raises(Stalled) as told:
            work()
        assert told.value.reason == "StoreNotAllowed"


# --- any spelling -----------------------------------------------------------------------------------------------------

SEEDS = ["localhost", "127.0.0.1", "169.254.169.254", "0x7f.1", "2130706433", "metadata.google.internal", "0"]
FOLDED = {
    plain: [each for each in map(chr, range(0x80, 0x1F200)) if unicodedata.normalize("NFKC", each).lower() == plain]
    for plain in "abcdefghijklmnopqrstuvwxyz0123456789."
}
INVISIBLE = ["\u00ad", "\u200b", "\u200d", "\u2060", "\ufe0f", "\0", ".", "\u3002", "%", "\t", " "]


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """A host next to the operator, in characters that may be folded into its own, with others in between."""
    spelled = ""
    for plain in draw(st.sampled_from(SEEDS)):
        spelled += draw(st.sampled_from([plain, plain.upper(), *FOLDED.get(plain, [])]))
        spelled += draw(st.sampled_from(["", "", "", *INVISIBLE]))
    return spelled + draw(st.sampled_from(["", ".", "\0.svc", ".svc", "\u3002", "%lo"]))


def folded(host: str) -> str | None:
    """What the resolver is asked for: Python encodes by IDNA, and the C library stops at a NUL."""
    try:
        return host.encode("idna").decode().partition("\0")[0]
    except UnicodeError:
        return None


@given(st.one_of(spellings(), st.text(max_size=12), st.ip_addresses().map(str)))
def test_whatever_is_allowed_by_a_wildcard_is_resolved_as_it_is_compared(host: str) -> None:
    if is_allowed(host, ["*", "*.svc"]):
        asked = folded(host)
        assert asked is None or (asked.lower() == host.lower() and not is_near(asked))
        try:
            found = socket.getaddrinfo(host, 1, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            return
        assert not any(is_near(str(entry[4][0])) for entry in found)


@given(st.integers(0, 2**24 - 1), st.sampled_from(["d", "x", "o"]), st.integers(1, 4), st.booleans())
def test_no_way_to_write_a_number_leads_to_loopback(rest: int, base: str, parts: int, dot: bool) -> None:
    """127.0.0.0/8 in one to four parts, each decimal, hexadecimal or octal."""
    octets = [127, *rest.to_bytes(3, "big")]
    numbers = [*octets[: parts - 1], int.from_bytes(bytes(octets[parts - 1 :]), "big")]
    written = {"d": "{}", "x": "0x{:x}", "o": "0{:o}"}[base]
    host = ".".join(written.format(number) for number in numbers) + "." * dot
    assert not is_allowed(host, ["*", f"{host[:2]}*"])
