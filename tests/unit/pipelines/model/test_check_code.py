"""code/ is judged without running a line of it, and as the container will judge it."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from container import user_code
from pipelines.model.check_code import ARGUMENTS, DEFAULT_PROGRAM
from tests.unit.pipelines.model.artifacts import plain
from tests.unit.pipelines.model.checking import findings, report_on, worst

SHIPPED = Path(__file__).parents[4] / "model" / "code" / "inference.py"


def with_code(folder: Path, source: str | bytes, name: str = "inference.py", **files: str) -> Path:
    plain(folder)
    (folder / "code").mkdir()
    content = source if isinstance(source, bytes) else source.encode()
    (folder / "code" / name).write_bytes(content)
    for file, text in files.items():
        (folder / "code" / file.replace("_", ".")).write_text(text)
    return folder


def test_the_contract_is_the_container_s() -> None:
    assert {name: len(names) for name, names in user_code.ARGUMENTS.items()} == ARGUMENTS
    assert user_code.DEFAULT_PROGRAM == DEFAULT_PROGRAM


def test_the_shipped_code_passes(tmp_path: Path) -> None:
    report = report_on(with_code(tmp_path / "m", SHIPPED.read_text()))
    message = "code/inference.py has model_fn, input_fn, predict_fn, output_fn"
    assert findings(report, "code") == [("ok", message)]


@pytest.mark.parametrize(
    "source",
    [
        "def predict_fn(data, model): ...",
        "async def predict_fn(data, model, context): ...",
        "from handlers import predict_fn",
        "import handlers as predict_fn",
        "predict_fn = make()",
        "predict_fn: object = make()",
        "try:\n    from a import predict_fn\nexcept ImportError:\n    from b import predict_fn",
        "if True:\n    def predict_fn(data, model): ...",
        "class predict_fn: ...",
        "@decorate\ndef predict_fn(a): ...",
        "from everything import *",
        "def transform_fn(model, body, content_type, accept): ...",
        "# -*- coding: latin-1 -*-\ndef model_fn(model_dir): return '\xe4'",
    ],
)
def test_ways_to_define_a_function(source: str, tmp_path: Path) -> None:
    content = source.encode("latin-1") if "latin-1" in source else source.encode()
    assert worst(report_on(with_code(tmp_path / "m", content)), "code") == "ok"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(", "code/inference.py is not Python in line 1"),
        ("x = 1\n\x00", "is not Python"),
        ("x = 1", "defines none of model_fn"),
        ("def outer():\n    def predict_fn(data, model): ...", "defines none of"),
        ("def predict_fn(data): ...", "predict_fn takes 1 arguments"),
        ("def predict_fn(a, b, c, d): ...", "predict_fn takes 4 arguments"),
        ("def model_fn(): ...", "model_fn takes 0 arguments"),
        (
            "def transform_fn(m, b, c, a): ...\ndef input_fn(b, c): ...",
            "transform_fn beside input_fn",
        ),
    ],
)
def test_what_the_container_would_refuse(source: str, message: str, tmp_path: Path) -> None:
    found = findings(report_on(with_code(tmp_path / "m", source)), "code")
    assert [status for status, _ in found] == ["failed"]
    assert message in found[0][1]


def test_deep_nesting_is_an_error_and_no_crash(tmp_path: Path) -> None:
    source = "x = " + "(" * 5000 + ")" * 5000
    assert worst(report_on(with_code(tmp_path / "m", source)), "code") == "failed"


def test_another_file_is_named_by_an_option(tmp_path: Path) -> None:
    folder = with_code(tmp_path / "m", "def model_fn(d): ...", name="serve.py")
    assert worst(report_on(folder), "code") == "failed"
    assert worst(report_on(folder, program="serve.py"), "code") == "ok"
    assert worst(report_on(folder, program="serve"), "code") == "ok"


def test_code_beside_the_weights_is_found_by_nobody(tmp_path: Path) -> None:
    folder = plain(tmp_path / "m")
    (folder / "inference.py").write_text("def model_fn(d): ...")
    assert worst(report_on(folder), "code") == "failed"


def test_every_file_of_code_must_be_python(tmp_path: Path) -> None:
    folder = with_code(tmp_path / "m", "def model_fn(d): ...", helpers_py="def :")
    assert "code/helpers.py is not Python" in findings(report_on(folder), "code")[0][1]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("emoji==2.14.0", "ok"),
        ("emoji[extra]==2.14.0 ; python_version > '3.8'", "ok"),
        ("emoji == 2.14.0  # fine", "ok"),
        ("emoji==2.14.0 \\\n    --hash=sha256:ab", "ok"),
        ("# nothing", "ok"),
        ("emoji", "warning"),
        ("emoji>=2", "warning"),
        ("emoji==2.*", "warning"),
        ("torch==2.12.0", "warning"),
        ("-e .", "warning"),
        ("--extra-index-url https://user:secret@index", "warning"),
        ("emoji @ https://user:secret@host/emoji.whl", "warning"),
        ("git+https://user:secret@host/emoji", "warning"),
    ],
)
def test_requirements(line: str, status: str, tmp_path: Path) -> None:
    folder = with_code(tmp_path / "m", "def model_fn(d): ...", requirements_txt=line + "\n")
    report = report_on(folder)
    assert worst(report, "code") == status
    assert "secret" not in str(report.as_json())


def test_arity_is_counted_as_the_container_counts_it() -> None:
    """`*args` is one parameter there."""
    assert len(inspect.signature(lambda a, *rest: None).parameters) == 2
