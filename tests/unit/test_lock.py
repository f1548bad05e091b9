"""The locked requirements: every pip takes exactly what is pinned, also after newer releases have come out.

pip before 24 looks for the pin of `coverage[toml]` under that very name. Where the lock says `coverage==…` alone, it
takes the newest release, whose hash the lock does not know: the installation fails from that release on, not before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt")
PIN = re.compile(r"^[a-zA-Z0-9].*==.*", re.MULTILINE)
Pins = Mapping[str, Requirement]


def pins_of(text: str) -> Pins:
    """What a lock pins for this machine, by canonical name."""
    pins = [Requirement(found.group().split(" \\")[0]) for found in PIN.finditer(text)]
    return {canonicalize_name(pin.name): pin for pin in pins if pin.marker is None or pin.marker.evaluate()}


def wanted_by(pins: Pins) -> Iterable[tuple[str, Requirement]]:
    """Each requirement that applies here, with who has it: of the project, and of all that is locked."""
    for pin in pins.values():
        for line in distribution(pin.name).requires or ():
            wanted = Requirement(line)
            if any(wanted.marker is None or wanted.marker.evaluate({"extra": extra}) for extra in ("", *pin.extras)):
                yield pin.name, wanted


def complaints(pins: Pins) -> list[str]:
    """Requirements whose pin is not there, or not with their extras."""
    found = []
    for who, wanted in wanted_by(pins):
        pin = pins.get(canonicalize_name(wanted.name))
        if pin is None or not pin.extras >= wanted.extras:
            found.append(f"{who} wants {wanted}, and the lock says {pin}")
    return found


@pytest.fixture(params=LOCKS)
def pins(request: pytest.FixtureRequest) -> Pins:
    return pins_of((TOP / request.param).read_text())


def test_every_requirement_has_its_pin_with_its_extras(pins: Pins) -> None:
    assert len(pins) > 3
    assert complaints(pins) == []


def test_the_metadata_that_this_is_told_by_are_those_of_the_locked_versions(pins: Pins) -> None:
    assert [pin for pin in pins.values() if not pin.specifier.contains(distribution(pin.name).version)] == []


def test_a_lock_that_lacks_one_extra_is_found_out(pins: Pins) -> None:
    wanted = {canonicalize_name(one.name) for _, one in wanted_by(pins) if one.extras}
    for name in wanted:
        bare = Requirement(str(pins[name]))
        bare.extras = set()
        assert any(bare.name in told for told in complaints({**pins, name: bare})), bare


def test_what_the_project_itself_asks_for_is_pinned_with_its_extras() -> None:
    pins = pins_of((TOP / "requirements-dev.txt").read_text())
    own = [Requirement(line) for line in distribution("nightsort").requires or ()]

    assert any(one.extras for one in own)
    assert [one for one in own if not pins[canonicalize_name(one.name)].extras >= one.extras] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_registry(name: str) -> None:
    text = (TOP / name).read_text()

    assert "--index-url" not in text
    assert re.findall(r"https?://\S+", text) == []
