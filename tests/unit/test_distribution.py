"""What `pip install` puts on a machine, and what a release on an index holds."""

from __future__ import annotations

import configparser
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SOURCES = TOP / "operator"
CODE = {str(path.relative_to(SOURCES)) for path in (SOURCES / "nightsort").rglob("*.py")} | {"nightsort/py.typed"}


def built(kind: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(folder)]
    subprocess.run(command, cwd=TOP, check=True, capture_output=True, timeout=60)
    [found] = folder.iterdir()
    return found


def test_a_wheel_has_the_code_and_the_commands_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(built("wheel", tmp_path)) as wheel:
        names = set(wheel.namelist())
        [commands] = [name for name in names if name.endswith("/entry_points.txt")]
        given = configparser.ConfigParser()
        given.read_string(wheel.read(commands).decode())

    assert {name for name in names if ".dist-info/" not in name} == CODE
    assert set(given["console_scripts"]) == {"nightsort", "kubectl-nightsort", "kubectl_complete-nightsort"}


def test_a_source_release_has_the_code_the_crd_and_what_says_what_it_is(tmp_path: Path) -> None:
    with tarfile.open(built("sdist", tmp_path)) as release:
        names = {name.partition("/")[2] for name in release.getnames()}

    assert names == {
        *(f"operator/{name}" for name in CODE),
        *("pyproject.toml", "PKG-INFO", ".gitignore", "LICENSE", "README.md", "CHANGELOG.md"),
        *(f"crds/nightsort.dev_{kind}.yaml" for kind in ("classificationbatches", "categorysets")),
    }


FAKES = {path.stem for path in (SOURCES / "nightsort" / "testing").glob("*.py")} - {"__init__", "source_contract"}


def test_fakes_are_imported_where_there_is_no_pytest() -> None:
    """Whoever writes a source or a sink may try it with them where no tests run."""
    imports = "\n".join(f"import nightsort.testing.{name}" for name in FAKES)

    subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.modules['pytest'] = None\n{imports}"], check=True, timeout=60
    )
