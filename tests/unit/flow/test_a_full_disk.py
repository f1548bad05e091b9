"""A disk without room, files or memory that run out: named, before anything is intended, and nothing waits for it."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from nightsort.api.batch_record import BatchState
from nightsort.domain.conditions import is_true
from nightsort.domain.errors import Interruption, OutcomeUnknown, Stalled
from nightsort.flow.run.disk import SCRATCH, Scratch, refused
from nightsort.flow.run.spool import BodySpool, RowSpool
from tests.support.world import World


class FailingFile(io.BytesIO):
    """Raises what is set for an operation."""

    def __init__(self, errors: dict[str, BaseException]) -> None:
        super().__init__()
        self._errors = errors

    def write(self, content: Any) -> int:
        if error := self._errors.get("write"):
            raise error
        return super().write(content)

    def read(self, size: int | None = -1) -> bytes:
        if error := self._errors.get("read"):
            raise error
        return super().read(size)


class FailingScratch(Scratch):
    place = "/tmp"

    def __init__(self) -> None:
        self.errors: dict[str, BaseException] = {}

    def open(self) -> BinaryIO:
        if error := self.errors.get("open"):
            raise error
        return FailingFile(self.errors)

    def sync(self, file: BinaryIO) -> None:
        if error := self.errors.get("sync"):
            raise error


class DevFull(Scratch):
    """The kernel's own disk without room: what is written there is refused when the buffer is emptied."""

    place = "/dev"

    def open(self) -> BinaryIO:
        return Path("/dev/full").open("w+b", buffering=256 * 1024)


@pytest.fixture
def scratch(world: World) -> FailingScratch:
    failing = FailingScratch()
    world.use(scratch=failing)
    return failing


def system(code: int) -> OSError:
    return OSError(code, os.strerror(code))


async def test_a_disk_that_is_full_stalls_before_the_intent_with_its_path_and_sizes(world: World) -> None:
    resource = world.apply("billing", "technical")
    world.use(scratch=DevFull())

    await world.look(resource)

    status = world.ledger.current(resource.meta).status
    assert status.batches == ()
    assert is_true(status, "Stalled")
    assert status.conditions[0].reason == "DiskFull"
    assert status.message is not None
    assert "the disk at /dev is full (ENOSPC: No space left on device): at least 100,000 bytes are needed" in (
        status.message
    )
    assert world.api.calls["create"] == 0


async def test_when_there_is_room_again_the_run_goes_on_by_itself_and_pays_once(world: World) -> None:
    resource = world.apply("billing", "technical", "account", shards={"maxRequests": 1})
    world.use(scratch=DevFull())
    await world.look(resource)
    world.use(scratch=SCRATCH)

    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Complete")
    assert world.paid() == {"0": 1, "1": 1, "2": 1}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOSPC, "DiskFull"),
        (errno.EDQUOT, "DiskFull"),
        (errno.EFBIG, "DiskFull"),
        (errno.EROFS, "DiskReadOnly"),
        (errno.EACCES, "DiskReadOnly"),
        (errno.EMFILE, "TooManyOpenFiles"),
        (errno.ENFILE, "TooManyOpenFiles"),
        (errno.ENOMEM, "OutOfMemory"),
        (errno.EIO, "DiskFailed"),
        (errno.ESTALE, "DiskFailed"),
    ],
)
@pytest.mark.parametrize("operation", ["open", "write", "sync", "read"])
async def test_whatever_the_system_refuses_is_named_and_nothing_waits_for_the_grace(
    world: World, scratch: FailingScratch, operation: str, code: int, reason: str
) -> None:
    resource = world.apply("billing")
    scratch.errors[operation] = system(code)

    await world.look(resource)

    status = world.ledger.current(resource.meta).status
    assert status.conditions[0].reason == reason
    assert errno.errorcode[code] in (status.message or "")
    assert [record.state for record in status.batches if record.state is BatchState.INTENDED] == []
    assert world.api.bill == {}
    scratch.errors.clear()
    resource = await world.run_until_finished(resource)
    assert world.paid() == {"0": 1}


async def test_a_lack_of_memory_is_named(world: World, scratch: FailingScratch) -> None:
    resource = world.apply("billing")
    scratch.errors["write"] = MemoryError()

    await world.look(resource)

    assert world.ledger.current(resource.meta).status.conditions[0].reason == "OutOfMemory"


async def test_rows_that_find_no_room_are_stored_when_there_is_some(world: World, scratch: FailingScratch) -> None:
    resource = world.apply("billing", "technical")
    await world.look(resource)
    scratch.errors["write"] = system(errno.ENOSPC)
    world.clock.advance(120)

    await world.look(resource)

    assert world.ledger.current(resource.meta).status.conditions[0].reason == "DiskFull"
    assert world.rows == {}
    scratch.errors.clear()
    resource = await world.run_until_finished(resource)
    assert world.labels() == {"0": "billing", "1": "technical"}
    assert world.paid() == {"0": 1, "1": 1}


def raising_at(operation: str, error: BaseException) -> Callable[..., Awaitable[None]]:
    async def hook(happening: str, *about: Any) -> None:
        if happening == operation:
            raise error

    return hook


@pytest.mark.parametrize("error", [ZeroDivisionError(), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), KeyError(1)])
async def test_an_accident_before_anything_was_sent_releases_the_intent_at_once(world: World, error: Exception) -> None:
    resource = world.apply("billing")
    world.api.before = raising_at("create", error)

    await world.look(resource)

    status = world.ledger.current(resource.meta).status
    assert [record.state for record in status.batches] == [BatchState.RELEASED]
    world.api.before = raising_at("nothing", error)
    began = world.clock.now()
    await world.run_until_finished(resource)
    assert world.paid() == {"0": 1}
    assert (world.clock.now() - began).total_seconds() < 300


async def test_an_accident_after_the_body_has_left_leaves_the_intent_to_be_found_out(world: World) -> None:
    resource = world.apply("billing")
    world.api.after = raising_at("create", ZeroDivisionError())

    await world.look(resource)

    assert world.ledger.current(resource.meta).status.batches[0].state is BatchState.INTENDED
    world.api.after = raising_at("nothing", ZeroDivisionError())
    await world.run_until_finished(resource)
    assert world.paid() == {"0": 1}
    assert world.api.calls["create"] == 1


async def test_a_call_that_breaks_off_before_the_end_of_the_body_was_taken_has_bought_nothing(world: World) -> None:
    resource = world.apply("billing")
    create = world.api.create
    broken: list[str] = []

    async def break_off(body: BinaryIO, size: int, tag: str) -> Any:
        if broken:
            return await create(body, size, tag)
        broken.append(tag)
        body.read(size - 1)
        raise OutcomeUnknown("the connection was reset")

    world.api.create = break_off  # type: ignore[method-assign]

    await world.look(resource)

    assert world.ledger.current(resource.meta).status.batches[0].state is BatchState.RELEASED
    await world.run_until_finished(resource)
    assert world.paid() == {"0": 1}


async def test_a_full_disk_said_to_the_account_holds_up_no_other_resource(
    world: World, scratch: FailingScratch
) -> None:
    full, other = world.apply("billing", name="full"), world.apply("technical", name="other")
    scratch.errors["read"] = system(errno.EIO)
    await world.look(full)
    scratch.errors.clear()

    await world.look(other)

    assert world.ledger.current(other.meta).status.batches[0].state is BatchState.SUBMITTED


async def test_a_real_spool_is_on_the_disk_once_it_is_sealed() -> None:
    with BodySpool() as body, RowSpool() as rows:
        body.add(b'{"custom_id":"one"}')
        await body.seal()
        await rows.seal()

        whole = body.body().read()

        assert len(whole) == body.size
        assert not body.surely_unsent
        assert [row async for row in rows.chunks()] == []


async def test_a_large_spool_is_synced_beside_the_loop() -> None:
    with BodySpool() as body:
        body.add(b" " * 11_000_000)
        await body.seal()

        assert len(body.body().read()) == body.size


async def test_where_there_is_no_directory_for_temporary_files_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile._candidate_tempdir_list", list)
    monkeypatch.setattr("tempfile.tempdir", None)

    with pytest.raises(Stalled, match="nothing can be written at none of the directories") as refusal:
        BodySpool()

    assert refusal.value.reason == "DiskReadOnly"


@pytest.mark.parametrize("needed", [0, 1, 123_456])
def test_sizes_are_rounded_so_that_the_message_stays_the_same_while_the_cause_does(needed: int) -> None:
    said: Interruption = refused(system(errno.ENOSPC), "/tmp", needed)

    assert ("bytes are needed" in said.message) == bool(needed)
    assert "00,000 are free" in said.message or " 0 are free" in said.message
