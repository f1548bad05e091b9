"""Files of local mode: whatever ends a write in the middle, the old content is still there."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from nightsort.adapters.object_store.options import StorePolicy
from nightsort.adapters.object_store.store import Folder
from nightsort.domain.errors import Stalled
from nightsort.system import files
from nightsort.system.files import write_new, write_whole
from nightsort.system.locks import kept_by_one, working

OLD, NEW = b"the old content", b"new" * 100_000
HALF = 64 * 1024
# The kernel ends the process, or fails its write, when its file has become so long: that is in the middle.
WRITER = """
import resource, signal, sys
from pathlib import Path
from nightsort.system.files import write_whole
from nightsort.domain.errors import Stalled

path, half, new, how = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
signal.signal(signal.SIGXFSZ, signal.SIG_DFL if how == "killed" else signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (half, half))
try:
    write_whole(path, b"new" * new)
except Stalled as stalled:
    sys.exit(stalled.reason)
"""


def interrupted(path: Path, how: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(HALF), str(len(NEW) // 3), how]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_process_that_ends_in_the_middle_of_a_write_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "tickets.json"
    write_whole(path, OLD)

    assert interrupted(path, "killed").returncode == -signal.SIGXFSZ
    assert path.read_bytes() == OLD

    with kept_by_one(tmp_path, "a test"):
        write_whole(path, NEW)
    assert path.read_bytes() == NEW
    left = sorted(one.name for one in tmp_path.iterdir())
    assert left == ["lock", "tickets.json"], "nothing of the earlier attempt is left"


def test_a_write_that_finds_no_room_stalls_and_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "tickets.json"
    write_whole(path, OLD)

    assert interrupted(path, "refused").stderr.strip() == "NotWritable"
    assert path.read_bytes() == OLD


@pytest.mark.parametrize("how", ["killed", "refused"])
def test_a_first_write_that_does_not_come_to_its_end_leaves_no_file(tmp_path: Path, how: str) -> None:
    path = tmp_path / "new" / "tickets.json"

    assert interrupted(path, how).returncode != 0
    assert not path.exists()


def test_a_write_that_is_refused_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tickets.json"
    path.mkdir()

    with pytest.raises(Stalled, match="cannot write"):
        write_whole(path, NEW)

    assert list(tmp_path.iterdir()) == [path]


def test_two_writes_of_one_file_at_once_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "tickets.json"
    contents = [bytes([letter]) * 300_000 for letter in b"abcdefgh"]

    with ThreadPoolExecutor(len(contents)) as threads:
        for _ in range(20):
            list(threads.map(partial(write_whole, path), contents))
            assert path.read_bytes() in contents

    assert list(tmp_path.iterdir()) == [path]


def test_of_files_that_are_written_together_all_are_there_or_none(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(OLD)
    contents = {tmp_path / "k" / "a": NEW, tmp_path / "b": NEW, tmp_path / "c": NEW}

    with pytest.raises(FileExistsError) as refused:
        write_new(contents)

    assert refused.value.filename2 == str(tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == OLD
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "b"]

    (tmp_path / "b").unlink()
    write_new(contents, private=(tmp_path / "c",))
    assert [path.read_bytes() for path in contents] == [NEW] * 3
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o600
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 3


@pytest.mark.parametrize("write", [write_whole, lambda path, content: write_new({path: content})])
def test_no_file_elsewhere_is_written_to_through_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, bytes], None]
) -> None:
    """Whoever has guessed the name of the part has laid a link there."""
    monkeypatch.setattr(secrets, "token_hex", lambda size: "00" * size)
    (victim := tmp_path / "victim").write_text("mine")
    (tmp_path / files.PART.format("00" * 8)).symlink_to(victim)

    with pytest.raises((Stalled, FileExistsError)):
        write(tmp_path / "tickets.json", NEW)

    assert victim.read_text() == "mine"


@pytest.mark.parametrize("there", [True, False])
def test_no_lock_elsewhere_is_taken_or_made_through_a_link(tmp_path: Path, there: bool) -> None:
    victim = tmp_path / "victim"
    if there:
        victim.write_text("mine")
    (state := tmp_path / "state").mkdir()
    (state / files.LOCK).symlink_to(victim)

    with pytest.raises(Stalled, match="cannot keep a state"), kept_by_one(state, "a test"):
        pass

    assert victim.exists() == there
    assert not there or victim.read_text() == "mine"


def test_a_file_elsewhere_that_is_the_lock_too_is_not_cut_short(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (state := tmp_path / "state").mkdir()
    (state / files.LOCK).hardlink_to(victim)

    with kept_by_one(state, "a test"):
        assert working(state / files.LOCK) == "another process"

    assert victim.read_text() == "mine"


def test_a_look_at_the_lock_tells_who_has_it_and_leaves_it_free(tmp_path: Path) -> None:
    with kept_by_one(tmp_path, "a test"):
        assert re.fullmatch(rf"process {os.getpid()} \(a test, since 20.*Z\)", working(tmp_path / files.LOCK) or "")

    assert working(tmp_path / files.LOCK) is None
    assert working(tmp_path / "none") is None
    with kept_by_one(tmp_path, "another test"):
        pass


def flushed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The directories that are flushed, in their order."""
    places: list[Path] = []
    flush = files.flush_directory

    def note(directory: Path) -> None:
        places.append(directory)
        flush(directory)

    monkeypatch.setattr(files, "flush_directory", note)
    return places


def test_each_new_folder_is_flushed_in_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = flushed(monkeypatch)

    write_whole(tmp_path / "state" / "support" / "tickets" / "record.json", NEW)

    state = tmp_path / "state"
    assert places == [tmp_path, state, state / "support", state / "support" / "tickets"]


def test_folders_that_are_there_are_not_flushed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "state" / "record.json", OLD)
    places = flushed(monkeypatch)

    write_whole(tmp_path / "state" / "record.json", NEW)

    assert places == [tmp_path / "state"]


def test_the_folder_of_the_state_is_flushed_in_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = flushed(monkeypatch)

    with kept_by_one(tmp_path / "a" / "state", "a test"):
        pass

    assert places == [tmp_path, tmp_path / "a"]


def test_results_in_a_local_folder_are_flushed_with_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = flushed(monkeypatch)
    policy = StorePolicy(frozenset({"file"}))
    folder = Folder(f"file://{tmp_path}/results/tickets/", {}, policy, place="results", rights="", make=True)

    folder.put("rows.jsonl", NEW)

    results = tmp_path / "results"
    assert places == [results / "tickets" / "rows.jsonl", results / "tickets", results]
