"""The Dockerfile as it is written; what it builds is tested in real pods."""

from __future__ import annotations

from nightsort import __version__
from tools.chart_readme import CHART

LINES = [line for line in (CHART.parents[1] / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
FINAL = LINES[max(number for number, line in enumerate(LINES) if line.startswith("FROM ")) :]


def test_the_image_is_labelled_with_the_operators_version() -> None:
    assert f"ARG VERSION={__version__}" in FINAL


def test_the_stage_that_runs_needs_no_shell_and_has_no_root() -> None:
    assert not [line for line in FINAL if line.startswith("RUN ")]
    assert "USER 65532:65532" in FINAL
    assert 'ENTRYPOINT ["nightsort"]' in FINAL
    assert 'CMD ["operator"]' in FINAL


def test_every_requirement_is_installed_by_its_hash() -> None:
    files = [word for line in LINES for word in line.split() if word.startswith("requirements")]

    assert {"requirements.txt", "requirements-build.txt"} <= set(files)
    assert "\n".join(LINES).count("--require-hashes -r") == 2
