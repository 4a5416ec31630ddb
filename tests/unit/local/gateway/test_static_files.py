"""The built page as files: what is found, what is not, caching, compression."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from local.gateway.static_files import StaticAnswer, StaticFiles


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>page</h1>")
    (folder / "assets" / "index-Ab12Cd34.js").write_text("let a = 1;\n" * 200)
    (folder / "logo.svg").write_text("<svg/>")
    (folder / ".env").write_text("secret")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


def get(web: Path, path: str, **headers: str) -> StaticAnswer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return StaticFiles(web).answer(path, given)


def header(answer: StaticAnswer, name: str) -> str:
    return dict(answer.headers).get(name, "")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e%5csecret.txt",
        "//etc/passwd.txt",
        "/.env",
        "/assets/%00.txt",
        "/" + "a" * 5000 + ".txt",
    ],
)
def test_nothing_outside_and_nothing_hidden_is_served(web: Path, path: str) -> None:
    answer = get(web, path)
    assert answer.status == 404
    assert b"secret" not in answer.body


def test_a_link_that_leads_out_is_not_followed(web: Path) -> None:
    (web / "out.txt").symlink_to(web.parent / "secret.txt")
    assert get(web, "/out.txt").status == 404


def test_a_view_of_the_page_is_the_page(web: Path) -> None:
    assert get(web, "/c/0123").body == b"<h1>page</h1>"
    assert header(get(web, "/c/0123"), "Cache-Control") == "no-cache"


def test_a_file_that_is_not_there_is_not_the_page(web: Path) -> None:
    assert get(web, "/assets/gone").status == 404
    assert get(web, "/gone.js").status == 404


def test_a_name_with_its_contents_hash_is_kept_for_ever(web: Path) -> None:
    assert "immutable" in header(get(web, "/assets/index-Ab12Cd34.js"), "Cache-Control")
    assert header(get(web, "/logo.svg"), "Cache-Control") == "no-cache"


def test_what_has_not_changed_is_not_sent_again(web: Path) -> None:
    first = get(web, "/logo.svg")
    again = get(web, "/logo.svg", if_none_match=header(first, "ETag"))
    assert (again.status, again.body) == (304, b"")
    (web / "logo.svg").write_text("<svg>new</svg>")
    changed = get(web, "/logo.svg", if_none_match=header(first, "ETag"))
    assert (changed.status, changed.body) == (200, b"<svg>new</svg>")


def test_text_is_compressed_for_those_that_take_it(web: Path) -> None:
    path = "/assets/index-Ab12Cd34.js"
    answer = get(web, path, accept_encoding="br, gzip;q=0.5")
    assert header(answer, "Content-Encoding") == "gzip"
    assert gzip.decompress(answer.body) == get(web, path).body
    assert header(get(web, path, accept_encoding="gzip;q=0"), "Content-Encoding") == ""
    assert header(get(web, "/logo.svg", accept_encoding="gzip"), "Content-Encoding") == ""


def test_types(web: Path) -> None:
    assert header(get(web, "/"), "Content-Type") == "text/html; charset=utf-8"
    assert header(get(web, "/logo.svg"), "Content-Type") == "image/svg+xml"
    script = get(web, "/assets/index-Ab12Cd34.js")
    assert header(script, "Content-Type") == "text/javascript; charset=utf-8"


def test_every_answer_says_what_the_page_may_do(web: Path) -> None:
    for path in ("/", "/gone.js", "/logo.svg"):
        answer = get(web, path)
        assert "script-src 'self'" in header(answer, "Content-Security-Policy")
        assert header(answer, "X-Content-Type-Options") == "nosniff"
