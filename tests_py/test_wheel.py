"""The wheel: it carries the schema, and works where nothing else of this repository is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import psycopg
import pytest

from gendurable.process import package_version

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COVERAGE"))}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as it would be uploaded: built from the source archive, not from the tree."""
    out = tmp_path_factory.mktemp("dist")
    run(
        sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT / "python",
        cwd=out,
    )  # fmt: skip
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_carries_the_schema_byte_by_byte(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        prefix = "gendurable/sql/"
        packed = {
            name.removeprefix(prefix): archive.read(name)
            for name in archive.namelist()
            if name.startswith(prefix)
        }
        assert "gendurable/py.typed" in archive.namelist()
    sql = ROOT / "sql"
    assert packed == {
        str(file.relative_to(sql)): file.read_bytes() for file in sql.rglob("*") if file.is_file()
    }


def test_the_wheel_carries_its_licence_and_those_of_what_it_vendors(wheel: Path) -> None:
    package = ROOT / "python"
    assert (package / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    licences = [package / "LICENSE", *(package / "gendurable").rglob("*.LICENSE")]
    assert len(licences) > 3
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        folder = metadata.removesuffix("METADATA") + "licenses/"
        packed = {
            name.removeprefix(folder): archive.read(name)
            for name in archive.namelist()
            if name.startswith(folder)
        }
        told = re.findall(r"(?m)^License-File: (.*)$", archive.read(metadata).decode())
    assert packed == {str(file.relative_to(package)): file.read_bytes() for file in licences}
    assert set(told) == set(packed)


def test_the_wheel_installs_the_schema_from_a_fresh_environment(
    wheel: Path, empty_dsn: str, tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    venv.create(environment)
    run(
        sys.executable, "-m", "pip", "--python", environment / "bin/python", "install",
        "--quiet", "--disable-pip-version-check", f"gendurable[binary] @ {wheel.as_uri()}",
        cwd=tmp_path,
    )  # fmt: skip
    command = environment / "bin/gendurable-py"
    assert run(command, "version", cwd=tmp_path) == package_version() + "\n"
    assert "installed at" in run(command, "install", "--dsn", empty_dsn, cwd=tmp_path)
    assert "up to date" in run(command, "install", "--dsn", empty_dsn, cwd=tmp_path)
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select gd_version()").fetchone() == (package_version(),)
