from pathlib import Path

from cli.settings_page import settings_page

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_the_page_in_the_docs_is_what_the_settings_say() -> None:
    assert PAGE.read_text() == settings_page(), "run: keepwarm settings > docs/settings.md"
