"""The operator's own key in a file: what is read, and what people are told when there is none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nightsort.adapters.local.secrets import MOST_BYTES, key_in
from nightsort.domain.errors import Stalled
from nightsort.settings import Settings

KEY = "sk-ant-very-secret"


def test_the_key_is_read_without_the_blanks_around_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f" {KEY}\n")

    assert key_in(path) == KEY


def test_the_key_is_found_behind_the_links_by_which_the_kubelet_replaces_it(tmp_path: Path) -> None:
    """The links of its atomic writer: key → ..data/key, ..data → a directory for each version."""
    for version in ("old", "new"):
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}" / "key").write_text(version)
    (tmp_path / "..data").symlink_to("..old")
    (tmp_path / "key").symlink_to("..data/key")
    before = key_in(tmp_path / "key")
    (tmp_path / "..data_tmp").symlink_to("..new")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    assert (before, key_in(tmp_path / "key")) == ("old", "new")


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "cannot be read: No such file or directory"),
    "empty": (lambda path: path.write_text(" \n"), "is empty"),
    "a directory": (lambda path: path.mkdir(), "cannot be read: Is a directory"),
    "a pipe that nobody writes to": (os.mkfifo, "is no file"),
    "without an end": (lambda path: path.symlink_to("/dev/zero"), "is no file"),
    "a loop": (lambda path: path.symlink_to(path), "cannot be read: Too many levels of symbolic links"),
    "far too long": (lambda path: path.write_text("k" * (MOST_BYTES + 1)), "has more than 4096 bytes"),
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("wrong", WRONG)
def test_without_a_key_in_the_file_the_setting_and_the_file_are_named(wrong: str, tmp_path: Path) -> None:
    make, told = WRONG[wrong]
    path = tmp_path / "key"
    make(path)

    with pytest.raises(Stalled) as stalled:
        key_in(path)

    assert stalled.value.reason == "CredentialsMissing"
    assert stalled.value.message == (
        "the resource names no credentials, and the operator has no key of its own: "
        f"{path}, which NIGHTSORT_ANTHROPIC_API_KEY_FILE names, {told}"
    )


def test_the_file_is_named_by_a_setting_and_an_empty_one_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSORT_ANTHROPIC_API_KEY_FILE", "/run/key")
    assert Settings().anthropic_api_key_file == Path("/run/key")

    monkeypatch.setenv("NIGHTSORT_ANTHROPIC_API_KEY_FILE", "")
    assert Settings().anthropic_api_key_file is None
