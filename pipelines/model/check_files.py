"""Checks of the files as files: only plain ones, only formats that cannot carry code."""

from __future__ import annotations

from pipelines.model.magic import refused_by_name
from pipelines.model.report import Finding, failed, ok, warning
from pipelines.model.scan import Inventory

FILES, FORMATS = "files", "formats"
LONGEST_NAME = 200  # of what is printed
CODE_SUFFIXES = (".py", ".ipynb", ".sh", ".bash", ".bat", ".ps1", ".js", ".lua", ".pl", ".rb")
CONVERT = "convert it to safetensors, and delete the file"
SAVE_AS_SAFETENSORS = "save the weights by save_pretrained(...) and delete the file"


def check_files(inventory: Inventory) -> list[Finding]:
    """Links, devices, paths that lead out, things that are there twice."""
    found = [_odd(path, why) for path, why in sorted(inventory.odd.items())]
    if not inventory.files and not found:
        return [failed(FILES, "it holds no file", "name the folder of a checkpoint")]
    if found:
        return found
    total = sum(facts.size for facts in inventory.files.values())
    return ok(FILES, f"{len(inventory.files)} plain files, {total / 1e6:,.1f} MB")


def check_formats(inventory: Inventory) -> list[Finding]:
    """Pickles and all else that may bring code along, by name and by content."""
    found = [
        _refused(path, facts.refused)
        for path, facts in sorted(inventory.files.items())
        if facts.refused
    ]
    found += [
        failed(FORMATS, f"{path} is {what}", SAVE_AS_SAFETENSORS)
        for path in sorted(inventory.odd)
        if (what := refused_by_name(path))
    ]
    found += [
        warning(FORMATS, f"{path} is code that never runs", "move it into code/, or delete it")
        for path in sorted(inventory.files)
        if path.endswith(CODE_SUFFIXES) and not path.startswith("code/")
    ]
    return found or ok(FORMATS, "no pickle, archive or program, by name and by content")


def _odd(path: str, why: str) -> Finding:
    if "symbolic link" in why:
        fix = "copy the files themselves (cp -rL)"
    elif "hard link" in why:
        fix = "pack with tar --hard-dereference"
    elif "folder" in why and path.endswith("/"):
        fix = "delete the empty object: SageMaker takes it for a file"
    else:
        fix = "remove it"
    shown = path if len(path) <= LONGEST_NAME else f"{path[:LONGEST_NAME]}..."
    return failed(FILES, f"{shown}: {why}", fix)


def _refused(path: str, what: str) -> Finding:
    if "git-lfs" in what:
        return failed(FORMATS, f"{path} is {what}", "run git lfs pull, then check again")
    if "GGUF" in what or "another format" in what:
        return failed(FORMATS, f"{path} is {what}: only safetensors are loaded", CONVERT)
    return failed(FORMATS, f"{path} is {what}, which may carry code", SAVE_AS_SAFETENSORS)
