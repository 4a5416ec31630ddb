"""The licence is found where people write it, and held against the list."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.pipelines.model.artifacts import plain
from tests.unit.pipelines.model.checking import findings, report_on, worst

APACHE = (Path(__file__).parents[4] / "LICENSE").read_text()
MIT = "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining\na copy"


def model(folder: Path, card: str | None = None, **files: str) -> Path:
    plain(folder)
    (folder / "README.md").unlink()
    if card is not None:
        (folder / "README.md").write_text(card)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def card(lines: str) -> str:
    return f"---\nlanguage: en\n{lines}\ntags:\n- chat\n---\n# Model\nlicense: gpl\n"


@pytest.mark.parametrize(
    "lines",
    [
        "license: apache-2.0", "license: Apache-2.0", "license: 'mit'", 'license: "mit"',
        "license:\n- apache-2.0\n- mit", "license: [apache-2.0, mit]", "license: mit # fine",
    ],
)  # fmt: skip
def test_cards_that_pass(lines: str, tmp_path: Path) -> None:
    assert worst(report_on(model(tmp_path / "m", card(lines))), "licence") == "ok"


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("license: llama3.1", "llama3.1"),
        ("license: gemma", "gemma"),
        ("license: cc-by-nc-4.0", "cc-by-nc-4.0"),
        ("license: other\nlicense_name: my-own", "my-own"),
        ("license: other", "other"),
        ("license: [apache-2.0, gpl-3.0]", "gpl-3.0"),
    ],
)
def test_cards_that_do_not(lines: str, name: str, tmp_path: Path) -> None:
    folder = model(tmp_path / "m", card(lines))
    assert findings(report_on(folder), "licence") == [
        ("failed", f"the licence {name} is not on the list of allowed ones")
    ]
    assert worst(report_on(folder, allowed_licences=frozenset([name])), "licence") == "ok"


@pytest.mark.parametrize(
    ("file", "text", "status"),
    [
        ("LICENSE", APACHE, "ok"),
        ("LICENSE_txt", MIT, "ok"),
        ("NOTICE", "Licensed under the Apache License, Version 2.0: https://...", "ok"),
        ("LICENSE", "LLAMA 3.1 COMMUNITY LICENSE AGREEMENT", "failed"),
        ("LICENSE", "GNU GENERAL PUBLIC LICENSE Version 3", "failed"),
        ("LICENSE", "Gemma Terms of Use", "failed"),
        ("LICENSE", "Creative Commons Attribution-NonCommercial 4.0", "failed"),
        ("LICENSE", "Do as you like.", "warning"),
    ],
)
def test_licence_files(file: str, text: str, status: str, tmp_path: Path) -> None:
    assert worst(report_on(model(tmp_path / "m", **{file: text})), "licence") == status


def test_a_card_and_a_file_that_disagree_must_both_pass(tmp_path: Path) -> None:
    folder = model(
        tmp_path / "m", card("license: apache-2.0"), LICENSE="GNU General Public License"
    )
    assert worst(report_on(folder), "licence") == "failed"


def test_nothing_said_is_a_warning_and_the_command_line_wins(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", "# no front matter\nlicense: mit\n")
    assert worst(report_on(folder), "licence") == "warning"
    assert worst(report_on(folder, licence="MIT"), "licence") == "ok"
    assert worst(report_on(folder, licence="proprietary"), "licence") == "failed"
