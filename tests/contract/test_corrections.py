"""Every place of corrections behaves alike; a file of them has a few duties of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nightsort.adapters.local.corrections import FileCorrections
from nightsort.domain.errors import Stalled
from nightsort.formats import corrections as form
from nightsort.ports import CorrectionStore
from nightsort.testing.corrections import CorrectionStoreContract, MemoryCorrections, correction


class TestMemory(CorrectionStoreContract):
    @pytest.fixture(autouse=True)
    def _place(self) -> None:
        self.memory = MemoryCorrections()

    def open_store(self) -> CorrectionStore:
        return self.memory


class TestFile(CorrectionStoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "tickets.corrections.jsonl"

    def open_store(self) -> CorrectionStore:
        return FileCorrections(self.path)

    async def test_a_new_file_is_for_its_owner_alone_and_keeps_the_permissions_that_it_is_given(self) -> None:
        await self.open_store().change(lambda now: {"1": correction("1")})
        assert self.path.stat().st_mode & 0o777 == 0o600

        self.path.chmod(0o640)
        await self.open_store().change(lambda now: {"2": correction("2")})

        assert self.path.stat().st_mode & 0o777 == 0o640

    async def test_a_change_that_fails_halfway_leaves_what_was_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        await self.open_store().change(lambda now: {"1": correction("1")})
        before = self.path.read_bytes()

        def no_room(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", no_room)
        with pytest.raises(Stalled, match="No space left"):
            await self.open_store().change(lambda now: {"2": correction("2")})

        assert self.path.read_bytes() == before
        assert list(self.path.parent.iterdir()) == [self.path]

    @pytest.mark.parametrize(
        "content",
        [
            b'{"id": "1"}\n',
            b"no json\n",
            b"\xff\xfe",
            b'{"id":"1","category":"a,b","by":"x","at":"2026-11-22T20:00:00Z"}',
        ],
    )
    async def test_what_is_no_correction_is_refused_with_its_place_and_left_as_it_is(self, content: bytes) -> None:
        self.path.write_bytes(content)

        with pytest.raises(Stalled, match=str(self.path)):
            await self.open_store().change(lambda now: {"1": correction("1")})

        assert self.path.read_bytes() == content

    def test_many_people_at_the_same_moment_lose_nothing(self) -> None:
        """Each process decides on eight tickets of its own."""
        script = (
            "import asyncio, sys; from pathlib import Path\n"
            "from nightsort.adapters.local.corrections import FileCorrections\n"
            "from nightsort.testing.corrections import correction\n"
            "async def work(who):\n"
            "    store = FileCorrections(Path(sys.argv[1]))\n"
            "    for number in range(8):\n"
            "        name = f'{who}-{number}'\n"
            "        await store.change(lambda now: {name: correction(name, by=who)})\n"
            "asyncio.run(work(sys.argv[2]))\n"
        )
        people = [subprocess.Popen([sys.executable, "-c", script, str(self.path), who]) for who in ("anna", "ben")]
        assert [person.wait(60) for person in people] == [0, 0]

        assert len(form.parsed(self.path.read_text(encoding="utf-8"))) == 16


def test_too_many_corrections_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "MOST_CORRECTIONS", 3)
    lines = form.written({str(number): correction(str(number)) for number in range(4)})

    assert len(form.parsed(form.written({"1": correction("1")}))) == 1
    with pytest.raises(form.InvalidCorrections, match="more than 3"):
        form.parsed(lines)
