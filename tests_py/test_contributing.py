"""What contributors are told is there: files, commands, targets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_file_that_contributing_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:md|sql))`", text))
    paths |= set(re.findall(r"\]\(([\w./-]+)\)", text))
    assert len(paths) > 40
    assert [p for p in sorted(paths) if not (ROOT / p).exists()] == ["sql/upgrades/0.2.0.sql"]
    assert set(re.findall(r"make ([a-z-]+)", text)) <= TARGETS


def test_the_workflows_run_what_is_there() -> None:
    workflows = list((ROOT / ".github/workflows").glob("*.yml"))
    assert len(workflows) == 2
    for workflow in workflows:
        text = workflow.read_text()
        assert set(re.findall(r"make ([a-z-]+)", text)) <= TARGETS
        for path in re.findall(r"\btests_py/[\w.]+|\btools/\w+", text):
            assert (ROOT / path).exists(), path
    matrix = (ROOT / ".github/workflows/test.yml").read_text()
    for versions in ('["15", "16", "17", "18"]', '["3.11", "3.12", "3.13", "3.14"]'):
        assert versions in matrix


def test_the_container_is_made_of_what_is_there() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    dockerfile = ROOT / ".devcontainer" / container["build"]["dockerfile"]
    (copied,) = re.findall(r"^COPY (\S+) ", dockerfile.read_text(), re.MULTILINE)
    assert (ROOT / copied).exists()
    assert f"!{copied}" in (ROOT / ".dockerignore").read_text().split()


def test_the_bill_of_materials_lists_what_the_package_needs() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "tools/sbom"], capture_output=True, text=True, check=True
    ).stdout
    bill = json.loads(printed)
    assert bill["bomFormat"] == "CycloneDX"
    named = {part["name"]: part for part in bill["components"]}
    assert {"psycopg", "msgspec", "typer", "rich"} <= set(named)
    assert "django" not in named
    assert "pytest" not in named
    assert named["psycopg"]["purl"].startswith("pkg:pypi/psycopg@3.")
    for licence in (ROOT / "python/gendurable").rglob("*.LICENSE"):
        assert licence.stem in named


def test_what_is_vendored_has_its_licence_beside_it() -> None:
    for file in (ROOT / "python/gendurable").rglob("vendor/*"):
        if file.suffix == ".md":
            continue  # It says where the others are from.
        name = re.split(r"[.-]", file.name)[0]
        if name == "README":
            continue
        assert any(file.parent.glob(f"{name}*.LICENSE")), file
