"""Blocking calls in threads: a call that hangs is counted against whom it was made for, and holds up nobody else."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from threading import Event
from weakref import ref

import pytest

from nightsort.system import threads
from nightsort.system.threads import DaemonThreads, ThreadPools, server_of

THREADS = 8
ALONE = 3
OF_SERVER = 2


class Mute:
    """A server that takes calls and answers none until it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self._answers = Event()
        self._lock = threading.Lock()

    def call(self) -> str:
        with self._lock:
            self.calls += 1
        self._answers.wait()
        return "at last"

    def answer(self) -> None:
        self._answers.set()


@pytest.fixture
def pools() -> ThreadPools:
    return ThreadPools(THREADS, OF_SERVER)


async def until(true: Callable[[], bool]) -> None:
    """Gives the threads time; the test's own deadline ends what never comes."""
    while not true():  # noqa: ASYNC110 - it is threads that it waits for
        await asyncio.sleep(0.001)


def asking(pools: ThreadPools, mute: Mute, server: str, times: int, namespace: str = "a") -> list[asyncio.Task[str]]:
    share = pools.share(namespace, server)
    return [asyncio.create_task(share(mute.call)) for _ in range(times)]


async def test_fifty_mute_servers_of_a_namespace_hold_up_no_call_of_another(pools: ThreadPools) -> None:
    mute = Mute()
    hanging = [task for number in range(50) for task in asking(pools, mute, f"mute-{number}", 3)]
    await until(lambda: mute.calls == ALONE)

    healthy = pools.share("b", "healthy")
    assert [await healthy(lambda: "row") for _ in range(100)] == ["row"] * 100
    assert mute.calls == ALONE

    mute.answer()
    assert await asyncio.gather(*hanging) == ["at last"] * 150


async def test_a_mute_server_leaves_threads_to_the_others_of_its_namespace(pools: ThreadPools) -> None:
    mute = Mute()
    hanging = asking(pools, mute, "mute", 50)
    await until(lambda: mute.calls == OF_SERVER)

    assert await pools.share("a", "healthy")(lambda: "row") == "row"

    mute.answer()
    await asyncio.gather(*hanging)


async def test_a_thread_that_hangs_keeps_its_place_though_nobody_waits_for_it_any_more(pools: ThreadPools) -> None:
    mute, later = Mute(), Mute()
    hanging = asking(pools, mute, "mute", OF_SERVER)
    await until(lambda: mute.calls == OF_SERVER)
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)

    [waiting] = asking(pools, later, "mute", 1)
    for _ in range(10):
        await asyncio.sleep(0.001)
    assert later.calls == 0, "its threads still hang"

    mute.answer()
    later.answer()
    assert await waiting == "at last"


async def test_who_stops_waiting_for_a_thread_gives_its_turn_back(pools: ThreadPools) -> None:
    mute = Mute()
    hanging = asking(pools, mute, "mute", OF_SERVER + 2)
    await until(lambda: mute.calls == OF_SERVER)
    hanging[-1].cancel()
    mute.answer()
    outcomes = await asyncio.gather(*hanging, return_exceptions=True)

    assert outcomes[:-1] == ["at last"] * (OF_SERVER + 1)
    assert mute.calls == OF_SERVER + 1
    await until(lambda: pools.room.is_idle)


async def test_nothing_is_kept_of_namespaces_whose_calls_have_ended(pools: ThreadPools) -> None:
    shares = [pools.share(f"namespace-{number}", f"db-{number}") for number in range(300)]
    await asyncio.gather(*(share(lambda: None) for share in shares))

    await until(lambda: pools.room.is_idle)
    assert pools._threads._alive <= THREADS


async def test_threads_end_when_they_have_had_nothing_to_do(
    pools: ThreadPools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.0)
    assert await pools.share("a", "db")(lambda: "row") == "row"

    await until(lambda: pools._threads._alive == 0)
    assert await pools.share("a", "db")(lambda: "row") == "row"


async def test_errors_come_back_and_their_threads_go_on(pools: ThreadPools) -> None:
    def fail() -> None:
        raise ValueError("no such table")

    share = pools.share("a", "db")
    for _ in range(3 * THREADS):
        with pytest.raises(ValueError, match="no such table"):
            await share(fail)
    await until(lambda: pools.room.is_idle)


async def test_a_call_sees_what_its_caller_works_on(pools: ThreadPools) -> None:
    resource = ContextVar("resource", default="none")
    resource.set("support/tickets")

    assert await pools.share("a", "db")(resource.get) == "support/tickets"


async def test_a_thread_that_idles_keeps_no_result_alive(pools: ThreadPools) -> None:
    class Page:
        pass

    page = await pools.share("a", "db")(Page)
    seen = ref(page)
    del page
    await until(lambda: pools._threads._idle == 1)
    await asyncio.sleep(0)  # the event loop has it in its hands until here
    gc.collect()

    assert seen() is None


async def test_the_operators_own_calls_do_not_wait_for_tenants(pools: ThreadPools) -> None:
    asyncio.get_running_loop().set_default_executor(DaemonThreads(2, "own"))
    mute = Mute()
    hanging = asking(pools, mute, "mute", 100)
    await until(lambda: mute.calls == OF_SERVER)

    assert await asyncio.to_thread(lambda: "token") == "token"

    mute.answer()
    await asyncio.gather(*hanging)


async def test_own_calls_beyond_the_threads_wait_for_one(pools: ThreadPools) -> None:
    own = DaemonThreads(2, "own")
    mute = Mute()
    first = [own.submit(mute.call) for _ in range(5)]
    await until(lambda: mute.calls == 2)
    assert first[4].cancel()

    mute.answer()
    assert [future.result() for future in first[:4]] == ["at last"] * 4
    assert mute.calls == 4


def test_what_is_ended_begins_nothing() -> None:
    own = DaemonThreads(2, "own")
    own.shutdown()

    with pytest.raises(RuntimeError, match="not to begin"):
        own.submit(logging.getLogger)


ENDING = """
import asyncio, threading, time
from nightsort.system.threads import DaemonThreads, ThreadPools

async def main():
    loop, mute, pools = asyncio.get_running_loop(), threading.Event(), ThreadPools()
    loop.set_default_executor(DaemonThreads(2, "own"))
    begun = threading.Barrier(3)
    def hang():
        begun.wait()
        mute.wait()
    for call in (pools.share("a", "mute")(hang), asyncio.to_thread(hang)):
        asyncio.ensure_future(call)
    while begun.n_waiting < 2:
        await asyncio.sleep(0.01)
    begun.wait()
    print("ends")

asyncio.run(main())
"""


def test_a_process_ends_while_threads_hang() -> None:
    ended = subprocess.run([sys.executable, "-c", ENDING], check=False, capture_output=True, text=True, timeout=60)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ends\n", "")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("postgresql://me:secret@DB.example.com:5432/tickets?sslmode=require", "postgresql://db.example.com:5432"),
        ("mysql://me:p@ss@db/tickets", "mysql://db"),
        ("s3://Bucket/tickets-*.jsonl", "s3://bucket"),
        ("sqlite:///tickets.db", "sqlite://"),
        ("postgresql://[::1/tickets", ""),
        ("no url", "://"),
    ],
)
def test_a_server_is_told_by_its_url_without_who_goes_there(url: str, server: str) -> None:
    assert server_of(url) == server


def test_no_call_to_a_tenants_server_is_made_in_the_operators_own_threads() -> None:
    """Those of local mode are files of the user's own."""
    package = Path(threads.__file__).parents[1]
    calls = [
        path.relative_to(package).as_posix()
        for path in package.glob("adapters/**/*.py")
        if re.search(r"to_thread\(|run_in_executor", path.read_text())
    ]

    assert [path for path in calls if not path.startswith("adapters/local/")] == []
