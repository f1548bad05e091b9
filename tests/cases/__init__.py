"""Small inputs that once went wrong, as files; `TAG-` in them stands for the tag of the batch that was bought."""

from __future__ import annotations

from pathlib import Path

CASES = Path(__file__).parent


def case(name: str, tag: str = "") -> bytes:
    """A file's bytes, with a tag put into its ids where one is given."""
    content = (CASES / name).read_bytes()
    return content.replace(b"TAG-", tag.encode() + b"-") if tag else content


def statements(name: str) -> list[str]:
    """The statements of a file in `sql/`, each of which ends with its line."""
    lines = case(f"sql/{name}").decode().splitlines()
    script = "\n".join(line for line in lines if not line.startswith("--"))
    return [statement for statement in script.removesuffix(";").split(";\n") if statement.strip()]
