"""Fixtures that every kind of test may use."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# Before anything imports transformers: no test asks a hub.
os.environ["HF_HUB_OFFLINE"] = "1"
# Tests share cores with servers they start: threads that spin at barriers would starve them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# A shell's background job ignores Ctrl-C and so do its children; tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def default_model() -> Path:
    """Folder of the default model (SmolLM2-135M-Instruct), made now if it is not in the cache."""
    from cli.default_model import ensure_default_model
    from cli.progress import Reporter

    return ensure_default_model(Reporter())
