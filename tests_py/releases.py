"""Two releases, made by tools/release in a copy of this repository: this tree, and a change.

The first is the version of this tree, which is cut if that has not been done. What changes in the
second: a column with an index, a function with another return type, a view with a column in the
middle, a new unlogged table and a new public function.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Release", "change", "copy_of_the_repository", "make", "package", "run"]

ROOT = Path(__file__).resolve().parents[1]

_LEFT_OUT = shutil.ignore_patterns(
    ".git",
    ".majors",
    ".venv",
    "node_modules",
    "__pycache__",
    ".*_cache",
    "results",
    "dist",
    "build",
    "site",
)

_TABLES = """
create unlogged table gendurable.notes (
    instance_id bigint primary key,
    note        text   not null
);
comment on table gendurable.notes is 'What people have noted of instances.';
"""

_STEP = """\
-- To {version}: instances have a label, and people may note something of them.
do $step$
begin
    if string_to_array(current_setting('gendurable.upgraded_from'), '.')::int[]
       >= '{{{numbers}}}' then
        return;
    end if;
    alter table gendurable.instances add column label text;
    create index instances_labelled on gendurable.instances (label) where label is not null;
    create unlogged table gendurable.notes (
        instance_id bigint primary key,
        note        text   not null
    );
    comment on table gendurable.notes is 'What people have noted of instances.';
end
$step$;
"""

_BACK = """
drop table gendurable.notes;
alter table gendurable.instances drop column label;
"""

_FUNCTION = """\
-- What people have noted of an instance.
create function public.gd_note(id bigint) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_note(bigint)') then
        perform gendurable._refuse_open();
    end if;
    return (select n.note from gendurable.notes as n where n.instance_id = gd_note.id);
end
$$;
comment on function public.gd_note(bigint) is 'What people have noted of an instance.';
"""


@dataclass(frozen=True)
class Release:
    """A release: its tree, and the package as its wheel has it."""

    version: str
    tree: Path
    package: Path

    def environment(self) -> dict[str, str]:
        """For processes that use this package and no other."""
        return os.environ | {"PYTHONPATH": str(self.package), "PYTHONSAFEPATH": "1"}

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``gendurable-py`` of this release."""
        return subprocess.run(
            [sys.executable, "-m", "gendurable", *arguments],
            env=self.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip


def make(folder: Path) -> tuple[Release, Release]:
    """Cut what is here, and the next minor version."""
    tree = copy_of_the_repository(folder / "one")
    old = versioned(tree)
    if f"@v{old} " not in (tree / "sqitch.plan").read_text():
        heading = rf"(## {re.escape(old)} \(unreleased\)\n)"
        _edit(tree / "CHANGELOG.md", heading, r"\1\n- What is under test.\n")
        run(tree, "git", "commit", "--quiet", "--all", "--message", "What is to be told")
        run(tree, "tools/release", "cut", old)
    shutil.copytree(tree, folder / "two", symlinks=True)
    one = package(old, tree)
    tree = folder / "two"
    major, minor, _ = old.split(".")
    new = f"{major}.{int(minor) + 1}.0"
    run(tree, "tools/release", "open", new)
    change(tree, old, new)
    run(tree, "git", "add", "--all")
    run(tree, "git", "commit", "--quiet", "--message", "Labels and notes")
    run(tree, "tools/release", "cut", new)
    return one, package(new, tree)


def versioned(tree: Path) -> str:
    """The version that a tree is, or is to become."""
    (version,) = re.findall(
        r'^version = "(.*)"$', (tree / "python/pyproject.toml").read_text(), re.MULTILINE
    )
    return str(version)


def copy_of_the_repository(folder: Path) -> Path:
    """A repository of its own with everything of this one, committed."""
    shutil.copytree(ROOT, folder, symlinks=True, ignore=_LEFT_OUT)
    run(folder, "git", "init", "--quiet")
    run(folder, "git", "config", "user.name", "Tests")
    run(folder, "git", "config", "user.email", "tests@localhost")
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", "The tree under test")
    return folder


def change(tree: Path, old: str, new: str) -> None:
    """Work on a release: sources as they are from now on, and the step that leads to them."""
    tables = tree / "sql/tables.sql"
    _edit(
        tables,
        r"(create table gendurable\.instances \(.*?)\n\) with",
        r"\1,\n    label text\n) with",
    )
    with tables.open("a") as end:
        end.write(
            "\ncreate index instances_labelled on gendurable.instances (label)"
            " where label is not null;\n" + _TABLES
        )
    (tree / f"sql/upgrades/{new}.sql").write_text(
        _STEP.format(version=new, numbers=new.replace(".", ","))
    )
    revert = tree / f"revert/v{new}.sql"
    _edit(revert, rf"(-- The tables of {re.escape(old)}: [^\n]*\n)", r"\1" + _BACK)

    (tree / "sql/functions/control/gd_note.sql").write_text(_FUNCTION)
    _edit(
        tree / "sql/functions.sql",
        r"(\\ir functions/control/gd_pause\.sql\n)",
        r"\1\\ir functions/control/gd_note.sql\n",
    )
    _edit(tree / "sql/functions/ready/gd_expire_awaits.sql", r"returns int\b", "returns bigint")
    # A column in the middle of a view.
    _edit(tree / "sql/views.sql", r"(select w\.id, w\.name,)", r"\1 w.lease as asked_for,")
    _edit(
        tree / "CHANGELOG.md",
        rf"(## {re.escape(new)} \(unreleased\)\n)",
        r"\1\n- Instances have a label, and people may note something of them.\n",
    )


def package(version: str, tree: Path) -> Release:
    """The release with its wheel, built and unpacked."""
    out = tree.parent / f"wheel-{version}"
    run(tree / "python", sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out))
    (wheel,) = out.glob("*.whl")
    assert f"-{version}-" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "package")
    return Release(version, tree, out / "package")


def run(folder: Path, *command: str) -> str:
    """What a command prints that has to succeed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def _edit(path: Path, pattern: str, by: str) -> None:
    text, done = re.subn(pattern, by, path.read_text(), count=1, flags=re.DOTALL)
    assert done, f"{path} has no {pattern}"
    path.write_text(text)
