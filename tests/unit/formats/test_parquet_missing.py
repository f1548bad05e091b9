"""Parquet is read by a library that an installation may be without."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nightsort.formats.kinds import Kind
from nightsort.formats.opening import open_as
from nightsort.formats.table import Options
from nightsort.formats.unchanged import HeldFile
from nightsort.formats.unusable import UnusableFile
from nightsort.formats.wording import by_fields


def test_without_pyarrow_a_resource_is_told_where_an_image_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(UnusableFile) as refused:
        open_as(HeldFile(Path("t.parquet"), b"PAR1"), Kind.PARQUET, Options())

    assert str(by_fields(refused.value)) == (
        "reading Parquet needs pyarrow: pip install 'nightsort[parquet]', in a cluster an image that has it "
        "(docs/install.md), or export it as CSV or JSON lines"
    )
    assert "docs/install.md" not in str(refused.value), "whoever reads a file at a prompt installs it there"
