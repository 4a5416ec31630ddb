"""The kernels as other processors get them: this one's compiler can leave its wider vectors out."""

from __future__ import annotations

import platform
from collections.abc import Iterator

import pytest

from serving.native import compiler, library

BUILDS = {
    "as wide as they go": (),
    "AVX-512 of the first kind": ("-mno-avx512vnni", "-mno-avx512bf16"),
    "AVX2 at most": ("-mno-avx512f", "-mno-avxvnni"),
    "AVX at most": ("-mno-avx2",),
    "SSE at most": ("-mno-avx",),
}


@pytest.fixture(params=BUILDS)
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Floats in a vector of the kernels that the test uses."""
    flags = BUILDS[request.param]
    if flags and platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("this processor has one width of vectors")
    monkeypatch.setattr(compiler, "FLAGS", (*compiler.FLAGS, *flags))
    library.load.cache_clear()
    yield library.load().kw_width()
    library.load.cache_clear()
