"""Manifest files, ConfigMaps and errors of object stores of any bytes: read, or one sentence that says where."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.exceptions import GenericError, InvalidPathError, PermissionDeniedError

from nightsort.adapters.local.config_maps import in_manifest
from nightsort.adapters.object_store import errors
from nightsort.adapters.object_store.errors import interruption
from nightsort.cli import yaml_documents
from nightsort.cli.manifests import InvalidManifest, documents_of, read
from nightsort.domain.errors import Interruption, Stalled
from nightsort.formats.encoding import NotBase64, decoded, told_apart
from tests.support.manifests import manifest
from tests.support.spoilt import spoilt

SAMPLES = [
    yaml.safe_dump(manifest()).encode(),
    b"kind: ConfigMap\nmetadata: {name: t}\ndata: {a.csv: id}\n---\nkind: Secret\nmetadata: {name: s}\ndata: {k: v}\n",
    b"a: &a {x: 1}\nkind: ConfigMap\nb: {<<: *a, y: [*a, *a]}\n",
    b'{"kind": "ConfigMap", "metadata": {"name": "x"}, "binaryData": {"k": "AAAA"}}',
]
PIECES = [
    *(
        b"\xff",
        b"\x00",
        b"\xed\xa0\x80",
        b"\\ud800",
        b"[" * 300,
        b"{" * 300,
        b"- " * 300,
        b"? " * 200,
        b"1:" * 200,
        b"9" * 5000,
    ),
    *(
        b"*a",
        b"&a ",
        b"<<: ",
        b"!!python/object/apply:os.system ",
        b"!!binary ",
        b"!!set ",
        b"!!omap ",
        b"!!timestamp ",
    ),
    *(
        b"---\n",
        b"...\n",
        b"%YAML 1.1\n",
        b"\t",
        b"|\n",
        b">-\n",
        b'"',
        b"'",
        b"0x_",
        b"0b_",
        b"1e999",
        b".inf",
        b"2026-13-01",
    ),
    *(b"\xef\xbb\xbf", b"\xfe\xff", b"\x85", "\u2028".encode(), b"#", b": ", b",", b"=", b"~", b"null"),
]


@given(st.binary(max_size=80) | spoilt(SAMPLES, PIECES))
@settings(max_examples=600, deadline=None)
def test_any_manifest_file_is_read_or_refused_in_one_line(content: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        path = Path(file.name)
        path.write_bytes(content)
        for reading in (read, lambda path: list(documents_of(path))):
            try:
                reading(path)
            except InvalidManifest as invalid:
                assert str(invalid).startswith(str(path))  # noqa: PT017 - or it is read
                assert "\n" not in str(invalid)  # noqa: PT017


TEXTS = st.text(max_size=20) | st.sampled_from(["AAAA", "A", "/w==", "====", "QQ==\n"])


@given(st.dictionaries(st.text(max_size=4), TEXTS | st.integers() | st.none(), max_size=4))
@settings(max_examples=300, deadline=None)
def test_the_binary_content_of_a_config_map_is_text_or_told(binary: dict[str, object]) -> None:
    try:
        texts, flaws = told_apart(decoded(binary))
        assert texts.keys() | flaws.keys() == binary.keys()
    except NotBase64 as wrong:
        assert str(wrong) in binary  # noqa: PT017 - or it is told apart
    try:
        in_manifest("t", {"binaryData": binary, "data": binary})
    except Stalled as stalled:
        assert "\n" not in stalled.message  # noqa: PT017 - or it is read


SAID = st.lists(
    st.sampled_from(
        ["status code: 403", "status code: ", "redirect", 'path: "', 'segment: "a\\', '"', "\\", "x" * 300, "\x1b[2J"]
    )
    | st.text(max_size=10),
    max_size=8,
).map("".join)


@given(SAID, st.sampled_from([GenericError, InvalidPathError, PermissionDeniedError, FileNotFoundError, ValueError]))
@settings(max_examples=400, deadline=None)
def test_whatever_a_store_says_its_error_names_who_moves_next(said: str, kind: type[Exception]) -> None:
    for scheme in ("s3", "file"):
        meaning = interruption(kind(said), "source.objectStore", scheme, rights="read")

        assert isinstance(meaning, Interruption)
        assert meaning.message.isprintable()
        assert len(meaning.message) < 600


def test_of_a_stores_error_of_any_length_the_beginning_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []

    class Counted:
        def search(self, text: str) -> None:
            looked_at.append(len(text))

    monkeypatch.setattr(errors, "STATUS", Counted())
    interruption(GenericError("<Error>" * 1_000_000), "here", "s3", rights="read")

    assert looked_at == [errors.MOST_SAID_CHARS]


@pytest.mark.parametrize(
    "text", ["[" * 5000, "{a: " * 5000, "- " * 5000, "? " * 5000, "&a " * 5000, "!a " * 5000, "((" * 5000]
)
def test_no_manifest_makes_python_give_up(text: str) -> None:
    try:
        list(yaml_documents.load(text))
    except yaml.YAMLError as error:
        assert re.fullmatch(r"line \d+, column \d+: |", yaml_documents.place_of(error))  # noqa: PT017 - or it is read
