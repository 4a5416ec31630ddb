from __future__ import annotations

from pathlib import Path

import pytest

from infrastructure import settings
from infrastructure.errors import SettingsError

WHOLE = """
[one]
account = "111122223333"
[one.edge]
domain = "chat.example.org"
hosted_zone_id = "Z0123456789ABC"
[one.sign_in]
domain_prefix = "chat"
[one.model]
kind = "existing"
endpoint_name = "keepwarm"
"""


def stages_file(folder: Path, text: str) -> Path:
    file = folder / "stages.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(file: Path, name: str = "one") -> str:
    with pytest.raises(SettingsError) as refused:
        settings.load(name, file)
    return str(refused.value)


def test_dev_and_prod_are_shipped() -> None:
    assert settings.stage_names() == ("dev", "prod")
    dev, prod = settings.load("dev"), settings.load("prod")
    assert (dev.name, dev.retains) == ("dev", False)
    assert (prod.name, prod.retains) == ("prod", True)


def test_another_file_has_other_stages(tmp_path: Path) -> None:
    file = stages_file(tmp_path, WHOLE)

    assert settings.stage_names(file) == ("one",)
    assert settings.load("one", file).edge.domain == "chat.example.org"


def test_a_stage_that_the_file_lacks_is_refused_with_those_it_has(tmp_path: Path) -> None:
    file = stages_file(tmp_path, WHOLE)

    assert refusal(file, "two").endswith("has no stage 'two'; it has: one")


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    assert "nowhere.toml cannot be used" in refusal(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_toml_is_a_sentence(tmp_path: Path) -> None:
    assert "stages.toml cannot be used" in refusal(stages_file(tmp_path, "[one"))


def test_an_unknown_key_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    file = stages_file(tmp_path, WHOLE + 'instance = "ml.g6.xlarge"\n')

    said = refusal(file)

    assert said.startswith("stage 'one': model: there is no setting 'instance'; known: kind")


def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    file = stages_file(tmp_path, WHOLE + "[one.modle]\nmin_instances = 1\n")

    assert "there is no setting 'modle'" in refusal(file)


def test_a_part_that_is_no_table_is_refused(tmp_path: Path) -> None:
    file = stages_file(tmp_path, '[one]\nmodel = "keepwarm"\n')

    assert "model = 'keepwarm' must be a table of settings" in refusal(file)


def test_a_stage_that_is_no_table_is_refused(tmp_path: Path) -> None:
    assert "one must be a table" in refusal(stages_file(tmp_path, "one = 1\n"))


def test_a_stage_is_named_by_its_table_alone(tmp_path: Path) -> None:
    assert "take the key 'name' out" in refusal(stages_file(tmp_path, '[one]\nname = "two"\n'))


def test_a_plan_file_stands_beside_the_stages_file(tmp_path: Path) -> None:
    made = WHOLE.replace('kind = "existing"', 'kind = "endpoint"\nplan_file = "plan.json"').replace(
        'endpoint_name = "keepwarm"',
        'package_arn = "arn:aws:sagemaker:us-east-1:111122223333:model-package/keepwarm/1"',
    )
    file = stages_file(tmp_path, made)
    assert "keepwarm plan --json" in refusal(file)

    (tmp_path / "plan.json").write_text("{}", encoding="utf-8")

    assert settings.load("one", file).model.plan_file == str(tmp_path / "plan.json")


def test_what_the_documentation_uses_is_found(tmp_path: Path) -> None:
    found = settings.placeholders(settings.load("prod"))
    assert {"account", "edge.domain", "edge.hosted_zone_id", "watch.email"} <= set(found)

    own = stages_file(tmp_path, WHOLE.replace("111122223333", "123412341234"))
    assert settings.placeholders(settings.load("one", own)) == ()
