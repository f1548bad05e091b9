"""Every place of corrections behaves alike; a file of them has a few duties of its own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from threading import Thread

import pytest

from nightsort.adapters.config_map.corrections import KEY, ConfigMapCorrections
from nightsort.adapters.config_map.source import ConfigMapTickets
from nightsort.adapters.local.corrections import FileCorrections
from nightsort.api.evaluation import Truth
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.correction import Correction, Corrections
from nightsort.domain.errors import Stalled
from nightsort.formats import corrections as form
from nightsort.ports import CorrectionStore
from nightsort.testing.config_maps import MemoryConfigMaps
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

    async def test_who_comes_while_somebody_writes_waits_and_nothing_is_lost(self) -> None:
        """Another one writes while the first one is between reading and writing."""
        ben = self.open_store().change(lambda now: {"T-2": correction("T-2", by="ben")})
        other = Thread(target=asyncio.run, args=(ben,))

        def edit(now: Corrections) -> dict[str, Correction | None]:
            other.start()
            other.join(0.2)  # it does not end before this one has written
            return {"T-1": correction("T-1")}

        await self.open_store().change(edit)
        await asyncio.to_thread(other.join)

        assert {one.by for one in (await self.open_store().read()).values()} == {"anna", "ben"}


class TestConfigMap(CorrectionStoreContract):
    @pytest.fixture(autouse=True)
    def _place(self) -> None:
        self.config_maps = MemoryConfigMaps()

    def open_store(self) -> ConfigMapCorrections:
        return ConfigMapCorrections(self.config_maps, "support", "night-corrections")

    async def test_a_write_that_somebody_overtakes_keeps_both(self) -> None:
        """Between the read and the write of one person another one writes."""
        ben_writes = self.open_store().change(lambda now: {"T-2": correction("T-2", by="ben")})

        class Overtaken(MemoryConfigMaps):
            async def keep(inner, namespace: str, config_map: ConfigMap) -> ConfigMap:  # noqa: N805
                if self.config_maps.written == []:
                    await ben_writes
                return await self.config_maps.keep(namespace, config_map)

            async def read(inner, namespace: str, name: str) -> ConfigMap | None:  # noqa: N805
                return await self.config_maps.read(namespace, name)

        anna = ConfigMapCorrections(Overtaken(), "support", "night-corrections")

        await anna.change(lambda now: {"T-1": correction("T-1")})

        assert {one.by for one in (await self.open_store().read()).values()} == {"anna", "ben"}

    async def test_other_keys_of_the_config_map_stay_and_it_belongs_to_nobody(self) -> None:
        await self.config_maps.keep("support", ConfigMap("night-corrections", {"notes": "ours"}))

        await self.open_store().change(lambda now: {"T-1": correction("T-1")})

        kept = self.config_maps.kept["support", "night-corrections"]
        assert (set(kept.data), kept.owner_uid) == ({"notes", "corrections.jsonl"}, None)

    async def test_a_run_reads_it_as_known_tickets(self) -> None:
        await self.open_store().change(lambda now: {"T-1": correction("T-1", "account")})
        truth = Truth.model_validate({"configMap": {"name": "night-corrections", "key": KEY}})
        assert truth.config_map is not None

        source = ConfigMapTickets(
            self.config_maps, "support", truth.config_map, frozenset({"subject", "body", truth.name})
        )
        found = await source.by_ids(["T-1"])

        assert [(one.fields[truth.name], one.fields["subject"]) for one in found] == [("account", 'say "hello"')]


def test_too_many_corrections_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "MOST_CORRECTIONS", 3)
    lines = form.written({str(number): correction(str(number)) for number in range(4)})

    assert len(form.parsed(form.written({"1": correction("1")}))) == 1
    with pytest.raises(form.InvalidCorrections, match="more than 3"):
        form.parsed(lines)
