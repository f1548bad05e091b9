"""A connection goes to the address that was checked, whatever the name stands for a moment later."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from nightsort.adapters.sql.database import Database
from nightsort.adapters.sql.policy import DatabasePolicy
from nightsort.domain.errors import Stalled, Waiting

SCHEMES = frozenset({"postgresql", "mysql"})
NAME = "tickets.team.svc"


class Names:
    """A resolver that gives other addresses at each call; it counts the calls."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        answer = self._answers[min(len(self.asked), len(self._answers)) - 1]
        if not answer:
            raise OSError("no such name")
        return answer


def named(url: str) -> str:
    """The URL with a name that no resolver of this machine knows."""
    return sa.make_url(url).set(host=NAME).render_as_string(hide_password=False)


def database(url: str, names: Names, *, own: bool = True, hosts: tuple[str, ...] = ("*.svc",)) -> Database:
    return Database(url, DatabasePolicy(SCHEMES, hosts, own=own, resolve=names), "spec.source.database", "SELECT")


@pytest.fixture(params=["postgres_database", "mariadb_database"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def test_the_connection_goes_to_the_address_that_was_checked(url: str) -> None:
    names = Names(["127.0.0.1"])

    with database(named(url), names).reading() as session:
        assert session.value("SELECT 1") == 1

    assert names.asked == [(NAME, sa.make_url(url).port)]


def test_the_next_address_is_tried_where_one_takes_no_connection(url: str) -> None:
    with database(named(url), Names(["127.0.0.3", "127.0.0.1"])).reading() as session:
        assert session.value("SELECT 1") == 1


@pytest.mark.parametrize(
    "url",
    [
        "u:p@ss@other/x",
        "u:p@ss/wo@other/x",
        "u:p@ss?wo@other/x",
        "u:p@ss?wo=1@other/x",
        "u:p@ss#wo@other/x",
        "u@ss:1@other/x",
    ],
)
def test_a_password_that_is_badly_quoted_is_not_named_as_the_host(url: str) -> None:
    with pytest.raises(Stalled) as told:
        Database(f"postgresql://{url}", DatabasePolicy(frozenset({"postgresql"}), ("db.example",)), "place", "rights")

    assert not any(part in told.value.message for part in ("ss'", "wo", "'p"))


def test_a_name_that_leads_next_to_the_operator_stalls_and_is_not_connected_to(url: str) -> None:
    with pytest.raises(Stalled) as told, database(named(url), Names(["127.0.0.1"]), own=False).reading():
        pass

    assert told.value.reason == "DatabaseNotAllowed"
    assert f"the URL's host '{NAME}', or the address that its name stands for" in told.value.message
    assert "the operator's settings allow (NIGHTSORT_DATABASE_HOSTS)" in told.value.message


def test_an_address_that_is_listed_in_full_is_connected_to(url: str) -> None:
    listed = (NAME, "127.0.0.1")
    with database(named(url), Names(["127.0.0.1"]), own=False, hosts=listed).reading() as session:
        assert session.value("SELECT 1") == 1


def test_each_connection_is_checked_anew(url: str) -> None:
    """The name led elsewhere when the run began."""
    target = database(named(url), Names(["127.0.0.1"], ["169.254.169.254"]), own=False, hosts=("*.svc", "127.0.0.1"))
    with target.reading():
        pass
    with pytest.raises(Stalled), target.reading():
        pass


def test_a_name_without_an_address_is_waited_for(url: str) -> None:
    with pytest.raises(Waiting) as told, database(named(url), Names([])).reading():
        pass
    assert told.value.reason == "DatabaseUnreachable"


def test_of_several_hosts_each_is_checked(postgres_database: str) -> None:
    parsed = sa.make_url(postgres_database)
    several = parsed.set(host=f"gone.svc,{NAME}").render_as_string(hide_password=False)

    with database(several, Names([], ["127.0.0.1"])).reading() as session:
        assert session.value("SELECT 1") == 1
    with pytest.raises(Stalled), database(several, Names(["10.0.0.1"], ["127.0.0.1"]), own=False).reading():
        pass
