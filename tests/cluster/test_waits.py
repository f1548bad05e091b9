"""Nothing waits in silence: a database that is down, on a real API server, from the first try to the alert and on."""

from __future__ import annotations

import json

from nightsort.api.resource import Resource
from tests.cluster.bench import User, batch, condition, inline
from tests.cluster.restarts import Pod
from tests.local.shell import from_database
from tests.support.processes import free_ports
from tests.support.waiting import eventually

SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "db", "labels": {"nightsort.dev/allow": "true"}},
}


def events(user: User) -> list[tuple[str, str, str]]:
    found = json.loads(user.kubectl("get", "events", "-o", "json"))["items"]
    return [(each["type"], each["reason"], each["message"]) for each in found]


def test_a_database_that_is_down_is_named_told_stalled_and_then_no_longer_waited_for(
    pod: Pod, isolated_user: User
) -> None:
    user, [port] = isolated_user, free_ports(1)
    pod.environment["NIGHTSORT_PATIENCE_SECONDS"] = "4"
    pod.start()
    user.apply({**SECRET, "stringData": {"url": f"postgresql://user:hunter2@127.0.0.1:{port}/tickets"}})
    user.apply(batch("waiting", from_database()))

    status = user.told("waiting", lambda status: condition(status, "Stalled") == "True")

    named = f"the database at 127.0.0.1:{port} cannot be reached (Connection refused)"
    assert named in status["message"]
    assert status["message"].endswith("and it goes on by itself when that is over")
    assert (status["waiting"]["reason"], status["waiting"]["ends"]) == ("DatabaseUnreachable", "ByItself")
    assert Resource.served(json.loads(user.kubectl("get", "cb", "waiting", "-o", "json"))).status.waiting is not None
    kinds = [(kind, reason) for kind, reason, _ in events(user)]
    assert kinds.count(("Normal", "DatabaseUnreachable")) == 1, "its beginning"
    assert kinds.count(("Warning", "DatabaseUnreachable")) == 1, "the end of the patience"
    heads, row = user.kubectl("get", "cb").splitlines()
    assert heads.split()[:3] == ["NAME", "PHASE", "REASON"]
    assert row.split()[:3] == ["waiting", "Stalled", "DatabaseUnreachable"]
    log = pod.logs()
    assert f"{user.namespace}/waiting: waiting: DatabaseUnreachable: " in log
    assert f"{user.namespace}/waiting: stalled: DatabaseUnreachable: " in log
    assert "HTTP Request" not in log
    assert not any("hunter2" in text for text in (log, json.dumps(status), str(events(user))))

    user.kubectl("patch", "cb", "waiting", "--type=merge", "-p", '{"spec": {"activeDeadlineSeconds": 0}}')
    ended = user.finished("waiting")["status"]

    assert condition(ended, "Failed") == "True"
    assert user.kubectl("get", "cb").splitlines()[1].split()[:3] == ["waiting", "Failed", "Canceled"]
    assert "waiting" not in ended


def test_a_secret_that_comes_late_ends_the_wait_with_an_event(pod: Pod, isolated_user: User) -> None:
    user = isolated_user
    pod.start()
    user.apply(batch("late", inline("I was charged twice"), credentials={"secretRef": {"name": "db", "key": "key"}}))
    status = user.told("late", lambda status: condition(status, "Stalled") == "True")
    assert (status["waiting"]["reason"], status["waiting"]["ends"]) == ("SecretMissing", "ByYou")

    user.apply({**SECRET, "stringData": {"key": "simulated"}})

    ended = user.finished("late")["status"]
    assert condition(ended, "Complete") == "True"
    assert "waiting" not in ended
    eventually(lambda: ("Normal", "WaitOver") in [(kind, reason) for kind, reason, _ in events(user)])
