"""Folders of objects to test in: of a real S3 server, and of local mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from nightsort.adapters.object_store.options import StorePolicy
from tests.servers.s3 import Bucket


class Objects(Protocol):
    """What the owner of a folder does."""

    def put(self, name: str, content: bytes) -> None: ...

    def get(self, name: str) -> bytes: ...

    def delete(self, name: str) -> None: ...

    def names(self) -> list[str]: ...


@dataclass(frozen=True)
class Directory:
    path: Path

    def put(self, name: str, content: bytes) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_bytes(content)

    def get(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def delete(self, name: str) -> None:
        (self.path / name).unlink()

    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.path)) for path in self.path.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Place:
    """`url` ends with a slash; `options` is what the Secret holds."""

    url: str
    objects: Objects
    policy: StorePolicy
    options: Mapping[str, str] = field(default_factory=dict)


def s3_place(bucket: Bucket) -> Place:
    policy = StorePolicy(frozenset({"s3", "gs", "az"}), endpoints=("127.0.0.1",))
    return Place(f"s3://{bucket.name}/", bucket, policy, bucket.options)


def file_place(directory: Path) -> Place:
    return Place(f"file://{directory}/", Directory(directory), StorePolicy(frozenset({"file"})))


@pytest.fixture(params=["s3", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return s3_place(request.getfixturevalue("s3_bucket")) if request.param == "s3" else file_place(tmp_path)
