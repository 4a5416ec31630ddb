"""Finding the model's own functions."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from container.settings import ContainerSettings
from container.user_code import load_user_functions
from serving.errors import ConfigError


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    return folder


def settings_for(code: Path, **settings: str | bool) -> ContainerSettings:
    return ContainerSettings(model_dir=str(code.parent), **settings)


def test_without_a_code_folder_there_are_none(tmp_path: Path) -> None:
    assert load_user_functions(ContainerSettings(model_dir=str(tmp_path))) == {}


def test_any_subset_is_found_with_its_origin(code: Path) -> None:
    (code / "inference.py").write_text("def predict_fn(data, model): return data\nhelper = 1\n")
    functions = load_user_functions(settings_for(code))
    assert list(functions) == ["predict_fn"]
    assert functions["predict_fn"].origin == str(code / "inference.py")
    assert functions["predict_fn"](1, None) == 1


def test_a_context_is_passed_to_functions_that_take_one(code: Path) -> None:
    (code / "inference.py").write_text("def model_fn(model_dir, context): return context\n")
    model_fn = load_user_functions(settings_for(code))["model_fn"]
    assert model_fn("dir", context=None) is None
    assert model_fn.takes_context


@pytest.mark.parametrize("program", ["serve_me.py", "serve_me"])
def test_the_program_can_be_named(code: Path, program: str) -> None:
    (code / "serve_me.py").write_text("def output_fn(prediction, accept): return ''\n")
    assert "output_fn" in load_user_functions(settings_for(code, program=program))


def test_modules_beside_it_can_be_imported_and_shadow_nothing(code: Path) -> None:
    (code / "beside_inference.py").write_text("VALUE = 7\n")
    (code / "json.py").write_text("raise RuntimeError('shadowed')\n")
    (code / "inference.py").write_text(
        "import json\nfrom beside_inference import VALUE\n"
        "def predict_fn(data, model): return VALUE\n"
    )
    assert load_user_functions(settings_for(code))["predict_fn"](0, 0) == 7
    assert sys.path[-1] == str(code)
    assert "inference" not in sys.modules


def test_a_folder_without_the_program_says_what_it_holds(code: Path) -> None:
    (code / "infer.py").write_text("def predict_fn(data, model): ...\n")
    with pytest.raises(ConfigError) as caught:
        load_user_functions(settings_for(code))
    assert "inference.py" in caught.value.message
    assert "infer.py" in caught.value.message


def test_an_empty_folder_is_refused(code: Path) -> None:
    with pytest.raises(ConfigError, match="holds nothing"):
        load_user_functions(settings_for(code))


def test_a_program_without_any_function_says_what_was_looked_for(code: Path) -> None:
    (code / "inference.py").write_text("def predict(data): ...\n")
    with pytest.raises(ConfigError, match="model_fn, input_fn, predict_fn, output_fn"):
        load_user_functions(settings_for(code))


def test_a_program_outside_the_folder_is_refused(code: Path) -> None:
    (code.parent / "outside.py").write_text("def predict_fn(data, model): ...\n")
    with pytest.raises(ConfigError):
        load_user_functions(settings_for(code, program="../outside.py"))


def test_a_program_that_fails_to_load_is_named_with_its_error(code: Path) -> None:
    (code / "inference.py").write_text("import no_such_package\n")
    with pytest.raises(ConfigError, match="no_such_package"):
        load_user_functions(settings_for(code))


def test_a_program_that_exits_while_it_loads_fails_the_start(code: Path) -> None:
    (code / "inference.py").write_text("import sys\nsys.exit(0)\n")
    with pytest.raises(ConfigError, match="SystemExit"):
        load_user_functions(settings_for(code))


@pytest.mark.parametrize(
    ("parameters", "seen"),
    [
        ("data, model", None),
        ("data, model, context", "the context"),
        ("data, model, context=None", "the context"),
        ("data, model, context, more=1", "the context"),
        ("data, model, *, context=None", "the context"),
        ("data, model, *rest, **options", None),
        ("*arguments, **options", None),
    ],
)
def test_the_usual_shapes_of_a_function_are_called_as_they_expect(
    code: Path, parameters: str, seen: str | None
) -> None:
    body = "return locals().get('context')"
    (code / "inference.py").write_text(f"def predict_fn({parameters}): {body}\n")
    predict_fn = load_user_functions(settings_for(code))["predict_fn"]
    assert predict_fn("data", "model", context="the context") == seen  # type: ignore[arg-type]


@pytest.mark.parametrize("parameters", ["", "a", "a, b, c, d", "a, b, *, needed"])
def test_a_function_of_the_wrong_shape_is_refused_at_start(code: Path, parameters: str) -> None:
    (code / "inference.py").write_text(f"def predict_fn({parameters}): ...\n")
    with pytest.raises(ConfigError, match="predict_fn"):
        load_user_functions(settings_for(code))


def test_transform_fn_excludes_the_functions_it_replaces(code: Path) -> None:
    (code / "inference.py").write_text(
        "def transform_fn(m, b, c, a): ...\ndef input_fn(b, c): ...\n"
    )
    with pytest.raises(ConfigError, match="transform_fn"):
        load_user_functions(settings_for(code))


def test_a_named_program_without_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SAGEMAKER_PROGRAM"):
        load_user_functions(ContainerSettings(model_dir=str(tmp_path), program="x.py"))


def test_requirements_are_left_alone_unless_wanted(
    code: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (code / "requirements.txt").write_text("surely-not-a-package\n")
    (code / "inference.py").write_text("def predict_fn(data, model): ...\n")
    with caplog.at_level(logging.INFO, "keepwarm.handler"):
        load_user_functions(settings_for(code))
    assert "KEEPWARM_INSTALL_REQUIREMENTS" in caplog.text


def test_requirements_that_cannot_be_installed_fail_the_start(code: Path) -> None:
    (code / "requirements.txt").write_text("--no-such-option\n")
    (code / "inference.py").write_text("def predict_fn(data, model): ...\n")
    with pytest.raises(ConfigError, match=r"requirements\.txt failed"):
        load_user_functions(settings_for(code, install_requirements=True))
