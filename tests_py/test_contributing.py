"""What contributors are told is true: files, commands, targets, the races and their numbers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).resolve().parents[1]

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_file_that_contributing_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:md|sql))`", text))
    paths |= set(re.findall(r"\]\(([\w./-]+)\)", text))
    assert len(paths) > 40
    missing = {path for path in paths if not (ROOT / path).exists()}
    assert missing <= {"sql/upgrades/0.2.0.sql", "site/"}, "which come with 0.2.0 and make docs"
    assert set(re.findall(r"make ([a-z-]+)", text)) <= TARGETS


WORKFLOWS = {
    file.stem: yaml.safe_load(file.read_text())
    for file in (ROOT / ".github/workflows").glob("*.yml")
}
JOBS = {
    (workflow, name): job
    for workflow, what in WORKFLOWS.items()
    for name, job in what["jobs"].items()
}


def test_the_workflows_run_what_is_there() -> None:
    assert set(WORKFLOWS) == {"test", "release"}
    for job in JOBS.values():
        text = "\n".join(step.get("run", "") for step in job["steps"])
        assert set(re.findall(r"make ([a-z-]+)", text)) <= TARGETS
        for path in re.findall(r"\btests_py/[\w.]+|\btools/\w+", text):
            assert (ROOT / path).exists(), path
    matrix = JOBS["test", "test"]["strategy"]["matrix"]
    assert matrix["postgresql"] == ["15", "16", "17", "18"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    run = {step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step}
    assert {"make test", "make wheel", "make docs"} <= run
    # YAML 1.1 takes the key `on` for a truth value.
    assert WORKFLOWS["release"][True] == {"push": {"tags": ["v*"]}}


def test_the_workflows_run_no_code_that_can_change_under_them() -> None:
    text = "".join(file.read_text() for file in (ROOT / ".github/workflows").glob("*.yml"))
    used = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]
    named = re.findall(r"uses: (\S+)@[0-9a-f]{40}  # v\d+\.\d+\.\d+\n", text)
    assert len(named) == len(used) > 10, "a commit, and the version that it is"
    assert len(set(used)) == len(set(named)), "one commit of each action"
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert "github-actions" in {each["package-ecosystem"] for each in updates}
    for job in JOBS.values():
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"])
        for step in job["steps"]:
            # An expression becomes a part of the script before any shell can quote it.
            assert "${{" not in step.get("run", "")


def test_the_workflows_may_do_no_more_than_they_have_to() -> None:
    for workflow in WORKFLOWS.values():
        assert workflow["permissions"] == {"contents": "read"}
    more = {job: what["permissions"] for job, what in JOBS.items() if "permissions" in what}
    assert more == {
        ("release", "pypi"): {"id-token": "write"},
        ("release", "github"): {"contents": "write"},
    }
    for name, job in JOBS.items():
        assert job["timeout-minutes"] <= 45
        for step in job["steps"]:
            uses = step.get("uses", "")
            if name in more:
                assert "checkout" not in uses, "no code of a branch runs with more rights"
            if "actions/checkout" in uses:
                assert step["with"]["persist-credentials"] is False
    needs = {name: job["needs"] for (flow, name), job in JOBS.items() if "needs" in job}
    assert needs == {"pypi": "build", "github": "pypi"}
    assert "secrets." not in "".join(map(str, JOBS.values()))


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
    assert "psycopg-binary" in named, "the extra of an extra"
    needed = {part["ref"]: part["dependsOn"] for part in bill["dependencies"]}
    product = bill["metadata"]["component"]
    assert named["psycopg"]["bom-ref"] in needed[product["bom-ref"]]
    assert named["psycopg-binary"]["bom-ref"] in needed[named["psycopg"]["bom-ref"]]
    references = [part["bom-ref"] for part in (product, *bill["components"])]
    assert len(set(references)) == len(references)
    assert set(references) >= {ref for refs in needed.values() for ref in refs} | set(needed)
    located = {
        place["location"]
        for part in bill["components"]
        for place in part.get("evidence", {}).get("occurrences", [])
    }
    for licence in (ROOT / "python/gendurable").rglob("*.LICENSE"):
        assert str(licence.relative_to(ROOT / "python")) in located
    versions = [part["version"] for part in bill["components"] if "npm" in part["purl"]]
    assert len(versions) >= 3
    # The schema of CycloneDX itself is the judge.
    problem = JsonStrictValidator(SchemaVersion.V1_5).validate_str(printed)
    assert problem is None, str(problem)


def test_what_is_vendored_has_its_licence_beside_it() -> None:
    for file in (ROOT / "python/gendurable").rglob("vendor/*"):
        if file.suffix == ".md":
            continue  # It says where the others are from.
        name = re.split(r"[.-]", file.name)[0]
        if name == "README":
            continue
        assert any(file.parent.glob(f"{name}*.LICENSE")), file


WIDTH = 120
NARROW = ["sql", "deploy", "revert", "verify", "tests_pg", "tests_py", "python/gendurable", "docs"]


def wide(file: Path) -> list[int]:
    """The lines of a file that are too wide, but for those that cannot be broken."""
    whole = ("|",) if file.suffix == ".md" else ("\\",)  # tables; commands of psql
    lines = enumerate(file.read_text().splitlines(), 1)
    return [n for n, line in lines if len(line) > WIDTH and not line.lstrip().startswith(whole)]


def test_nothing_is_wider_than_a_screen() -> None:
    kinds = {".sql", ".psql", ".sh", ".py", ".md"}
    files = [file for room in NARROW for file in (ROOT / room).rglob("*") if file.suffix in kinds]
    files += ROOT.glob("*.md")
    assert len(files) > 900
    assert {str(f.relative_to(ROOT)): lines for f in files if (lines := wide(f))} == {}


def test_prose_names_the_actor() -> None:
    """Code may have an instance of nobody; a sentence says who or what it is about."""
    vague = re.compile(r"\b(?:somebody|whoever|whom|anybody|everybody)\b", re.IGNORECASE)
    for room in NARROW:
        for file in (ROOT / room).rglob("*"):
            if file.suffix in {".sql", ".psql", ".md"} or file.parent.name == "gendurable":
                text = file.read_text() if file.is_file() else ""
                found = vague.search(text)
                assert found is None, f"{file.relative_to(ROOT)}: {found}"


RACES = sorted((ROOT / "tests_pg/races").glob("*.sql"))
RACE = ["Race", "Sessions", "Guard", "Mutations"]


def header(file: Path) -> list[tuple[str, str]]:
    """The fields of a file's first comment, as (name, text); the purpose has no name."""
    fields = [("", "")]
    for line in file.read_text().splitlines():
        if not line.startswith("--"):
            break
        text = line.removeprefix("--").strip()
        found = re.match(r"(Race|Sessions|Guard|Mutations): +(.+)", text)
        if found:
            fields.append((found[1], found[2]))
        else:
            fields[-1] = (fields[-1][0], f"{fields[-1][1]} {text}".strip())
    return fields


def planned(file: Path) -> int:
    """How many tests a pgTAP file has."""
    return int(re.findall(r"select plan\((\d+)\)", file.read_text())[0])


def numbers(text: str) -> list[int]:
    """The numbers of tests in a text: not the codes of errors, nor what stands in brackets."""
    text = re.sub(r"\([^)]*\)|\b[0-9]+P[0-9]+\b|\b[0-9]{5}\b", "", text)
    return [int(n) for n in re.findall(r"\b[0-9]+\b", text)]


@pytest.mark.parametrize(
    "file",
    [f for f in (ROOT / "tests_pg").rglob("*.sql") if f in RACES or "\n-- Race: " in f.read_text()],
    ids=lambda file: file.stem,
)
def test_a_race_file_says_who_meets_whom_and_what_fails_without_the_guard(file: Path) -> None:
    (_, purpose), *fields = header(file)
    assert len(purpose) > 20
    assert fields
    assert [name for name, _ in fields] == RACE * (len(fields) // 4), "four fields for each race"
    most = planned(file)
    for name, text in fields:
        assert len(text) > 5
        if name == "Race":
            for range_ in re.findall(r"\((\d[\d\u2013, ]*)\)$", text):
                assert max(numbers(range_)) <= most, text
        if name == "Mutations":
            for mutation in text.split(";"):
                what, arrow, failed = mutation.partition("→")
                assert what.strip()
                assert arrow or "waits" in what, f"{mutation}: which test failed?"
                named = re.split(r"\b(\w+\.sql) ", failed)
                assert max(numbers(named[0]), default=0) <= most, mutation
                for other, cited in zip(named[1::2], named[2::2], strict=True):
                    (cited_file,) = (ROOT / "tests_pg").rglob(other)
                    assert max(numbers(cited)) <= planned(cited_file), mutation
        for function in re.findall(r"`(_\w+|gd_\w+)`", text):
            assert any((ROOT / "sql/functions").rglob(f"{function}.sql")), function


def test_the_page_on_concurrency_names_what_is_there() -> None:
    text = (ROOT / "docs/concurrency.md").read_text()
    functions = {f.stem for f in (ROOT / "sql/functions").rglob("*.sql")}
    named = set(re.findall(r"`(_\w+|gd_\w+)`", text))
    assert named - functions == {"gd_workers"}, "a view"
    folders = ["", "tests_pg/races/", "tests_pg/"]
    files = set(re.findall(r"`([\w/]+\.(?:sql|py))`", text))
    assert [f for f in files if not any((ROOT / d / f).exists() for d in folders)] == []
    assert {f.name for f in RACES} <= files, "each race is in the list"
