"""What ``MODULE[:OBJECT]`` may be, and what is said of everything else."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gendurable import DefinitionError, GendurableError, Machine, UsageError, enqueue
from gendurable.loading import load
from support import Connection, finished, worker_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = """
from gendurable import Done, Machine, job, step

class M(Machine[dict]):
    @step
    def start(self, ctx):
        return Done()

@job()
def add(a: int, b: int) -> int:
    return a + b
"""

BAD_STEP = b"""
from gendurable import Machine, step


class M(Machine):
    @step
    def start(self): ...
"""

OBJECTS = (
    BODY
    + """
class Place:
    machine = M
    @property
    def raises(self):
        raise KeyError("no such setting")

class Proxy:
    @property
    def __class__(self):
        raise RuntimeError("outside of a context")

class BadRepr:
    def __repr__(self):
        raise SystemExit

class Endless:
    def __iter__(self):
        raise ValueError("no list")

class NeedsArguments(Machine[dict]):
    def __init__(self, url): ...
    @step
    def start(self, ctx): return Done()

class Raises(Machine[dict]):
    def __init__(self): raise ValueError("no database")
    @step
    def start(self, ctx): return Done()

class Exits(Machine[dict]):
    def __init__(self): raise SystemExit(3)
    @step
    def start(self, ctx): return Done()

class NoStart(Machine[dict]):
    @step
    def begin(self, ctx): return Done()

place = Place()
proxy = Proxy()
bad_repr = BadRepr()
endless = Endless()
generator = (machine for machine in [M, add])
nested = [[M]]
named = {"m": M}
empty = []
none = None
text = "\\x1b[31m[red]"

def factory():
    return M

def __getattr__(name):
    if name == "lazy":
        raise RuntimeError("cannot be made")
    raise AttributeError(name)
"""
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder; what is imported from it is forgotten at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in sys.modules if name.split(".")[0] == "shop"]:
        monkeypatch.delitem(sys.modules, name)  # of another test's documents
    before = dict(sys.modules)
    yield tmp_path
    for name in sys.modules.keys() - before.keys():
        del sys.modules[name]


def names(target: str) -> list[str]:
    return [machine.name for machine in load(target)]


def refused(target: str) -> str:
    """The message, which is short and has no control characters."""
    with pytest.raises(GendurableError) as caught:
        load(target)
    message = str(caught.value)
    assert message.count("\n") <= 3, message
    assert len(message) < 1500, message
    assert all(line.isprintable() for line in message.split("\n")), message
    return message


# Files


@pytest.mark.parametrize(
    "name",
    ["shop.py", "queue.py", "json.py", "signal.py", "psycopg.py", "gendurable.py", "email.py",
     "__main__.py", "my-worker.py", "worker.v2.py", "a b.py", "1.py", "class.py", "ключ.py",
     "with:colon.py", "sub/shop.py", "sub.dir/shop.py", "__init__.py"],
)  # fmt: skip
def test_a_file_is_run_whatever_it_is_called(folder: Path, name: str) -> None:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(BODY)
    assert names(name) == ["M", "add"]
    assert names(f"./{name}") == ["M", "add"]
    assert names(f"{file}:add") == ["add"]


def test_a_file_named_like_a_standard_module_does_not_take_its_place(folder: Path) -> None:
    for name in ("queue", "json", "graphlib"):
        (folder / f"{name}.py").write_text("raise RuntimeError('not the standard one')\n")
    (folder / "graphlib.py").write_text(BODY)
    (folder / "shop.py").write_text("import graphlib\ngraphlib.TopologicalSorter\n" + BODY)
    assert names("shop.py") == ["M", "add"]
    assert names("graphlib.py") == ["M", "add"]
    assert sys.modules["graphlib"].__file__ != str(folder / "graphlib.py")
    message = refused("graphlib")
    assert message.startswith("there is no machine and no job in graphlib, which is /")
    assert "for the file here, say graphlib.py" in message


def test_a_worker_runs_a_file_named_like_a_standard_module(
    dsn: str, conn: Connection, folder: Path
) -> None:
    (folder / "tools").mkdir()
    module = folder / "tools" / "queue.py"
    module.write_text("import helper\n" + BODY)
    (folder / "tools" / "helper.py").write_text("import queue\nqueue.SimpleQueue\n")
    with worker_process(dsn, module, folder / "log"):
        assert finished(conn, enqueue(conn, "add", {"a": 1, "b": 2}).id).result == 3


def test_a_module_beside_the_file_wins_over_an_installed_one(folder: Path) -> None:
    (folder / "pytest_cov.py").write_text("x = 1\n")
    (folder / "pip.py").write_text("x = 1\n")
    (folder / "shop.py").write_text("from pip import x\n" + BODY)
    assert names("shop.py") == ["M", "add"]


def test_a_file_in_a_package_is_a_part_of_it(folder: Path) -> None:
    inner = folder / "shop" / "orders"
    inner.mkdir(parents=True)
    (folder / "shop" / "__init__.py").touch()
    (inner / "__init__.py").write_text(BODY)
    (inner / "work.py").write_text("from ..base import x\n" + BODY)
    (inner / "__main__.py").write_text("from ..base import x\n" + BODY)
    (folder / "shop" / "base.py").write_text("x = 1\n")
    work = load("shop/orders/work.py")
    assert [type(machine).__module__ for machine in work] == ["shop.orders.work", "gendurable.job"]
    assert names("shop/orders/__main__.py") == ["M", "add"]
    assert names("shop/orders") == names("shop/orders/") == names("shop.orders") == ["M", "add"]
    assert "Modules in this package: shop.base, shop.orders" in refused("shop")


@pytest.mark.parametrize("error", ["ValueError('x')", "ModuleNotFoundError('x', name='x')"])
def test_what_a_package_raises_is_told_of_its_file(folder: Path, error: str) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "__init__.py").write_text(f"\nraise {error}\n")
    (folder / "shop" / "work.py").write_text(BODY)
    for target in ("shop/work.py", "shop.work"):
        assert "/shop/__init__.py:2: " in refused(target)


def test_a_package_may_have_a_name_that_no_import_statement_has(folder: Path) -> None:
    package = folder / "my-shop" / "class"
    package.mkdir(parents=True)
    (folder / "my-shop" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "my-worker.py").write_text("from .. import x\n" + BODY)
    (folder / "my-shop" / "x.py").touch()
    assert names("my-shop/class/my-worker.py") == ["M", "add"]


def test_a_folder_named_like_a_standard_package_is_found_by_its_path(folder: Path) -> None:
    (folder / "json").mkdir()
    (folder / "json" / "__init__.py").write_text(BODY)
    (folder / "json" / "orders.py").write_text(BODY)
    assert "for the file here, say json/__init__.py" in refused("json")
    assert "There is json/orders.py." in refused("json.orders")
    assert names("json/") == names("json/orders.py") == ["M", "add"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("shop/work.py", "shop.work"),
        ("shop.work", "shop/work.py"),
        ("plain/work.py", "plain.work"),
        ("plain.work", "./plain/work.py"),
        ("alone.py", "alone"),
        ("alone", "link.py"),
        ("my-worker.py", "./my-worker.py"),
    ],
)
def test_one_module_under_two_names_is_imported_once(folder: Path, first: str, second: str) -> None:
    for name in ("shop/work.py", "plain/work.py", "alone.py", "my-worker.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(BODY)
    (folder / "shop/__init__.py").touch()
    (folder / "link.py").symlink_to("alone.py")
    assert type(load(f"{first}:M")[0]) is type(load(f"{second}:M")[0])


def test_a_link_is_the_file_it_leads_to(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real" / "shop.py").write_text("import helper\n" + BODY)
    (folder / "real" / "helper.py").touch()
    (folder / "link.py").symlink_to("real/shop.py")
    (folder / "broken.py").symlink_to("nowhere.py")
    (folder / "loop.py").symlink_to("loop.py")
    assert names("link.py") == ["M", "add"]
    assert refused("broken.py") == "there is no file broken.py"
    assert refused("loop.py") == "there is no file loop.py"


def test_what_is_no_module_is_said_in_a_sentence(folder: Path) -> None:
    (folder / "noext").write_text(BODY)
    (folder / "my-worker.py").write_text(BODY)
    (folder / "plain").mkdir()
    (folder / "plain" / "shop.py").write_text("from . import other\n" + BODY)
    assert refused("noext") == "noext is not a .py file"
    assert refused("./noext") == "./noext is not a .py file"
    assert refused("./plain").startswith("./plain is a folder without __init__.py")
    assert refused(".").startswith(". is a folder without __init__.py")
    assert "plain, a folder without __init__.py" in refused("plain")
    assert "There is my-worker.py." in refused("my-worker")
    assert "There is ./my-worker.py." in refused("./my-worker")
    assert refused("plain/shop.py").endswith(
        "no known parent package\n"
        "Its folder is no package: add an __init__.py, or give the dotted name."
    )
    for target in ("..shop", "shop.", "a..b", "a b", "__main__", "no\0such", "x" * 5000):
        assert refused(target).startswith("there is no module ")
    for target in ("no/such", "/" + "x" * 5000, "/a" * 3000, "no\0such.py", "/dev/null.py"):
        assert refused(target).startswith("there is no file ")
    for target in ("", ":", ":M", "shop:", "shop.py:"):
        assert "is not MODULE or MODULE:OBJECT" in refused(target)


# Imports


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"def f(:\n", "1: SyntaxError: invalid syntax"),
        (b"x = 1\nx = '\xff'\n", ": SyntaxError: (unicode error) 'utf-8' codec can't decode"),
        (b"x = 1\0\n", ": SyntaxError: source code "),
        (b"import sys\nsys.exit('no configuration')\n", "2: SystemExit: no configuration"),
        (b"import sys\nsys.exit()\n", "2: SystemExit"),
        (b"import json\njson.loads('{')\n", "2: JSONDecodeError: Expecting property name"),
        (b"\nimport helper\n", "helper.py:2: ImportError: cannot import name"),
        (b"def f(): f()\nf()\n", "1: RecursionError: maximum recursion"),
        (b"from asyncio import CancelledError\nraise CancelledError\n", "2: CancelledError"),
        (b"raise GeneratorExit('x')\n", "1: GeneratorExit: x"),
        (b"raise BaseExceptionGroup('two', [SystemExit(), ValueError()])\n", "1: BaseException"),
        (b"raise ValueError('a\\n\\x1b[31mb' + 100_000 * 'c')\n", "ValueError: a \\u001b[31mbccc"),
        (b"class E(BaseException):\n def __str__(self): raise SystemExit\nraise E\n", "3: E: <E"),
        (b"class E(Exception):\n    def __str__(self): return 5\nraise E\n", "3: E: <E who"),
        (BAD_STEP, "5: DefinitionError: M.start: a step takes (self, ctx)"),
        (b"import sys\ndel sys.modules[__name__]\n", ": KeyError: "),
        (b"import gendurable\ngendurable.status(None, 1)\n", "2: UsageError: expected a conn"),
        (b"open('not_there')\n", "1: FileNotFoundError: [Errno 2]"),
        (b"import no_such_library\n", "1: ModuleNotFoundError: No module named 'no_such_library'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("target", ["broken", "broken.py", "my-broken.py"])
def test_a_broken_module_is_one_line_with_the_place(
    folder: Path, source: bytes, said: str, target: str
) -> None:
    (folder / "helper.py").write_text("\nfrom json import nothing\n")
    (folder / f"{target.removesuffix('.py')}.py").write_bytes(source)
    if target == "my-broken.py" and b"del sys.modules" in source:
        return  # It is known to this package alone, which does not miss it.
    message = refused(target)
    assert message.startswith(f"importing {target} failed")
    assert said in message
    assert "\n" not in message
    assert refused(target) == message, "nothing is left of it in sys.modules"


def test_an_interrupt_while_importing_stays_one(folder: Path) -> None:
    (folder / "slow.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load("slow")


# Objects


def test_an_object_is_a_machine_or_several(folder: Path) -> None:
    (folder / "objects.py").write_text(OBJECTS)
    assert names("objects:M") == ["M"]
    assert names("objects.py:place.machine") == ["M"]
    assert names("objects:generator") == ["M", "add"]
    (folder / "lists.py").write_text(
        BODY + "a, b, c = (M,), {add}, frozenset([M])\nd = {'m': M}.values()\n"
    )
    assert [names(f"lists:{name}") for name in "abcd"] == [["M"], ["add"], ["M"], ["M"]]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nope", "objects has no nope\nMachines and jobs in it: M, add, "),
        ("place.nope", "objects has no place.nope"),
        ("M..x", "objects has no M..x"),
        ("lazy", ": RuntimeError: cannot be made"),
        ("place.raises", ": KeyError: 'no such setting'"),
        ("proxy", ": RuntimeError: outside of a context"),
        ("endless", ": ValueError: no list"),
        ("place", " is neither a machine nor a job"),
        ("bad_repr", "<BadRepr whose repr() raised SystemExit> is neither"),
        ("text", "is neither a machine nor a job"),
        ("none", "None is neither a machine nor a job"),
        ("named", "is neither a machine nor a job"),
        ("nested", "is neither a machine nor a job"),
        ("Machine", "is neither a machine nor a job"),
        ("factory", "A function that makes one is not called: give its answer a name in the modu"),
        ("empty", "objects:empty is empty: there is no machine and no job to run"),
        ("Raises", "machine Raises cannot be used at "),
        ("Exits", ": SystemExit: 3"),
    ],
)
def test_another_object_is_refused_with_what_it_is(folder: Path, name: str, said: str) -> None:
    (folder / "objects.py").write_text(OBJECTS)
    assert said in refused(f"objects:{name}")


def test_a_machine_that_cannot_work_is_a_definition_error(folder: Path) -> None:
    (folder / "objects.py").write_text(OBJECTS)
    for name, said in (
        ("NeedsArguments", "cannot be made without arguments: TypeError: "),
        ("NoStart", "has no step named start"),
    ):
        with pytest.raises(DefinitionError, match=said):
            load(f"objects:{name}")


def test_a_lazy_object_beside_machines_does_not_matter(folder: Path) -> None:
    (folder / "shop.py").write_text(
        BODY
        + "class Proxy:\n    @property\n    def __class__(self): raise RuntimeError\np = Proxy()\n"
    )
    assert names("shop") == ["M", "add"]


def test_a_class_is_made_once(folder: Path) -> None:
    (folder / "shop.py").write_text(
        BODY + "made = []\nclass Counted(M):\n    def __init__(self): made.append(self)\n"
    )
    (counted,) = load("shop:Counted")
    assert isinstance(counted, Machine)
    assert sys.modules["shop"].made == [counted]


def test_a_folder_that_is_gone_is_a_sentence(folder: Path) -> None:
    (folder / "gone").mkdir()
    done = subprocess.run(
        ["sh", "-c", f'cd gone && rmdir ../gone && "{sys.executable}" -P -m gendurable run shop'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.split("\n")[0]) == (
        1,
        "error: the current folder cannot be read: No such file or directory",
    )


def test_usage_errors_keep_their_cause(folder: Path) -> None:
    (folder / "broken.py").write_text("raise LookupError\n")
    with pytest.raises(UsageError) as caught:
        load("broken")
    assert isinstance(caught.value.__cause__, LookupError)
