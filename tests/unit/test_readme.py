"""What the README shows is what the code takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from nightsort.api.resource import Resource
from nightsort.domain.answer import Verdict

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text(encoding="utf-8")
EXAMPLES = sorted(
    path
    for path in (TOP / "examples").rglob("*.yaml")
    if re.search(r"^kind: ClassificationBatch", path.read_text(), re.MULTILINE)
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_annotated_resource_is_one() -> None:
    (resource,) = [block for block in blocks("yaml") if "kind: ClassificationBatch" in block]
    spec = Resource.of(yaml.safe_load(resource)).spec
    assert spec.max_cost_usd == "5.00"


def test_the_table_of_verdicts_is_whole() -> None:
    told = re.findall(r"^\| ([A-Z][a-z]+) \|", README, re.MULTILINE)
    assert [word for word in told if word != "Verdict"] == [verdict.value for verdict in Verdict]


def test_every_make_target_that_it_names_exists() -> None:
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile, target


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(TOP)))
def test_every_example_is_a_resource(path: Path) -> None:
    documents = [document for document in yaml.safe_load_all(path.read_text()) if document]
    kinds = [document for document in documents if document["kind"] == "ClassificationBatch"]
    assert [Resource.of(document).meta.name for document in kinds]
