"""docs/guides/trying-a-checkpoint.md against the code that it is about."""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.evaluation import checks
from pipelines.evaluation.suite import load_suite
from pipelines.gates.limits import limits_table

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "trying-a-checkpoint.md").read_text()


def part(name: str) -> str:
    found = re.search(rf"<!-- {name}: begin -->\n(.*?)\n<!-- {name}: end -->", GUIDE, re.DOTALL)
    assert found is not None
    return found[1]


def names_of(table: str) -> list[str]:
    return re.findall(r"^\| `?([a-z_0-9]+)`? +\|", table, re.MULTILINE)


def test_its_table_of_limits_is_the_codes() -> None:
    assert part("gates") == limits_table()


def test_its_table_of_checks_names_every_check() -> None:
    known = [*checks._MAKERS]
    assert names_of(part("checks")) == known
    assert names_of(checks.__doc__ or "") == known


def test_its_suite_is_one(tmp_path: Path) -> None:
    (example,) = re.findall(r'```toml\n(name = "support".*?)```', GUIDE, re.DOTALL)
    path = tmp_path / "support.toml"
    path.write_text(example)
    assert [prompt.name for prompt in load_suite(path).prompts] == ["opening hours"]
