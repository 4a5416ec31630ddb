"""Checks of code/: what the container will find there, without running a line of it."""

from __future__ import annotations

import ast
import re

from pipelines.model.report import Finding, failed, ok, warning
from pipelines.model.scan import Inventory

CODE = "code"
FOLDER, DEFAULT_PROGRAM = "code/", "inference.py"
# Arguments of the contract; each function may take a context after them.
ARGUMENTS = {
    "model_fn": 1,
    "input_fn": 2,
    "predict_fn": 2,
    "output_fn": 2,
    "transform_fn": 4,
    "pre_model_fn": 1,
    "model_warmup_fn": 2,
}
TRIO = ("input_fn", "predict_fn", "output_fn")
PINNED = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w., -]*\])?\s*===?\s*[\w.!+-]+")
OF_THE_IMAGE = ("torch", "transformers", "flask", "gunicorn", "numpy", "tokenizers", "safetensors")


def check_code(inventory: Inventory, program: str = DEFAULT_PROGRAM) -> list[Finding]:
    """The model's own functions and requirements, as far as they can be seen without running."""
    if not any(path.startswith(FOLDER) for path in inventory.files):
        if "inference.py" in inventory.files:
            message = "inference.py lies beside the weights, where nothing looks for it"
            return [failed(CODE, message, "move it to code/inference.py")]
        return ok(CODE, "no code/: the built-in functions answer")
    found = _broken_python(inventory)
    path = FOLDER + (program if program.endswith(".py") else f"{program}.py")
    if path not in inventory.files:
        message = f"there is no {path}, so the code in code/ would be ignored"
        found.append(failed(CODE, message, f"name the file {DEFAULT_PROGRAM}, or give --program"))
        return found
    found += _requirements(inventory)
    names, problems = _functions(inventory, path)
    found += problems
    refused = any(one.status == "failed" for one in found)
    return found if refused else [*ok(CODE, f"{path} has {', '.join(names)}"), *found]


def _broken_python(inventory: Inventory) -> list[Finding]:
    found = []
    for path in sorted(inventory.files):
        if path.startswith(FOLDER) and path.endswith(".py"):
            try:
                ast.parse(_source(inventory, path))
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                number = getattr(error, "lineno", None)
                line = f" in line {number}" if number else ""
                what = getattr(error, "msg", None) or str(error)
                found.append(failed(CODE, f"{path} is not Python{line}: {what}", "correct it"))
    return found


def _functions(inventory: Inventory, path: str) -> tuple[list[str], list[Finding]]:
    """Names of the contract that the file defines, and what is wrong with them."""
    try:
        tree = ast.parse(_source(inventory, path))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [], []
    defined = _top_level(tree)
    names = [name for name in ARGUMENTS if name in defined]
    if not names and not _has_star_import(tree):
        message = f"{path} defines none of {', '.join(ARGUMENTS)}: nothing of it would be used"
        return [], [failed(CODE, message, "define one of them, or remove code/")]
    found = [
        failed(CODE, f"{path}: {name} takes {count} arguments", _signature(name))
        for name in names
        if (count := _wrong_count(name, defined[name])) is not None
    ]
    trio = [name for name in TRIO if name in names]
    if "transform_fn" in names and trio:
        message = f"{path} defines transform_fn beside {', '.join(trio)}"
        found.append(failed(CODE, message, "remove one or the other"))
    return names or ["what it imports by *"], found


def _top_level(tree: ast.Module) -> dict[str, ast.AST]:
    """Names that running the module would bind, and by what; branches of if and try count too."""
    bound: dict[str, ast.AST] = {}
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound[node.name] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(one.asname or one.name): node for one in node.names}
        elif isinstance(node, ast.Assign):
            targets = [one for target in node.targets for one in ast.walk(target)]
            bound |= {one.id: node for one in targets if isinstance(one, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            bound[node.target.id] = node
        for part in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                pending += getattr(node, part, [])
        if isinstance(node, ast.Try):
            pending += [inner for handler in node.handlers for inner in handler.body]
    return bound


def _wrong_count(name: str, node: ast.AST) -> int | None:
    """Arguments of a plain function when they are neither the contract's nor one more."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.decorator_list:
        return None
    arguments = node.args
    groups = (arguments.posonlyargs, arguments.args, arguments.kwonlyargs)
    count = sum(len(group) for group in groups)
    count += (arguments.vararg is not None) + (arguments.kwarg is not None)
    return None if count - ARGUMENTS[name] in (0, 1) else count


def _signature(name: str) -> str:
    return f"let it take {ARGUMENTS[name]}, and a context after them if it wants one"


def _has_star_import(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and any(one.name == "*" for one in node.names)
        for node in tree.body
    )


def _requirements(inventory: Inventory) -> list[Finding]:
    """requirements.txt is installed at start if asked for: what it brings must not drift."""
    path = FOLDER + "requirements.txt"
    found = []
    for number, line in enumerate((inventory.text(path) or "").splitlines(), start=1):
        text = line.split(" #")[0].strip().rstrip("\\").strip()
        if not text or text.startswith(("#", "--hash")):
            continue
        where = f"{path}, line {number}:"  # the line itself may hold a token
        requirement = text.split(";")[0].split(" --hash")[0].strip()
        if text.startswith("-") or "://" in text or " @ " in text:
            message = f"{where} it reaches beyond the package index"
            found.append(warning(CODE, message, "name a package and its exact version"))
        elif not PINNED.fullmatch(requirement):
            message = f"{where} it is not pinned"
            found.append(warning(CODE, message, "name the exact version: package==1.2.3"))
        elif re.split(r"[\[=\s]", requirement.lower())[0] in OF_THE_IMAGE:
            message = f"{where} it would replace what the image was tested with"
            found.append(warning(CODE, message, "leave it out"))
    return found


def _source(inventory: Inventory, path: str) -> bytes:
    """As bytes, so that a coding line is obeyed."""
    return (inventory.captured / path).read_bytes()
