"""The how-to pages of frameworks: what they show is taken from examples that other tests run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PAGES = {
    "fastapi.md": ["fastapi_shop"],
    "sqlalchemy.md": ["fastapi_shop"],
    "alembic.md": ["fastapi_shop"],
    "django.md": ["django_shop"],
    "flask.md": ["flask_shop"],
}


@pytest.mark.parametrize("page", PAGES)
def test_each_block_of_code_is_part_of_an_example(page: str) -> None:
    text = (ROOT / "docs/howto" / page).read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    sources = [
        file.read_text()
        for folder in PAGES[page]
        for file in sorted((ROOT / "examples" / folder).rglob("*.py"))
    ]
    assert len(blocks) >= 2
    assert [block for block in blocks if not any(block in source for source in sources)] == []


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page: str) -> None:
    text = (ROOT / "docs/howto" / page).read_text()
    assert all(len(line) <= 120 for line in text.splitlines())
    for target in re.findall(r"\]\(([\w./-]+)", text):
        assert (ROOT / "docs/howto" / target).exists(), target
