"""What a user reads when something is wrong: one clear message, whatever it was."""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import sql

from gendurable import Entry, UsageError, enqueue, enqueue_many
from gendurable.log import quieten
from gendurable.settings import check_settings
from gendurable.text import printable, safe_repr, safe_str
from support import Connection, finished, statuses, until, worker_process
from test_cli import invoke
from test_privileges import login, role_of

if TYPE_CHECKING:
    from test_cli import Invoke

__all__ = ["invoke", "login"]

GOOD: dict[str, Any] = {"queues": {"default": 10}, "lease": 60.0, "drain": 30.0, "poll": 1.0}


# Settings


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *[
            (setting, value)
            for setting in ("lease", "poll", "drain")
            for value in (
                float("nan"), float("inf"), -1, -0.001, 1e300, 10**400, True, "1", None, 1j,
            )
        ],
        ("lease", 0),
        ("poll", 0),
    ],
)  # fmt: skip
def test_a_setting_of_seconds_is_a_number_of_them(setting: str, value: Any) -> None:
    with pytest.raises(UsageError, match=rf"^{setting} is .*: expected a number of seconds"):
        check_settings(**GOOD | {setting: value})


@pytest.mark.parametrize("value", [True, False, 1.0, "1", 0, -1, 10_001, 10**12, None])
def test_a_concurrency_is_a_whole_number_of_a_sensible_size(value: Any) -> None:
    with pytest.raises(UsageError, match=r"^queue 'a': its concurrency is .*whole number"):
        check_settings(**GOOD | {"queues": {"a": value}})


def test_all_queues_together_have_a_sensible_size() -> None:
    check_settings(**GOOD | {"queues": {"a": 10_000}})
    with pytest.raises(UsageError, match=r"^queue .a.: its concurrency is <int whose repr"):
        check_settings(**GOOD | {"queues": {"a": 10**5000}})
    with pytest.raises(UsageError, match="together"):
        check_settings(**GOOD | {"queues": {"a": 9_999, "b": 2}})


@pytest.mark.parametrize("queues", [{}, None, ["a"], "a", 5, [("a", 1)]])
def test_queues_are_a_mapping_with_at_least_one(queues: Any) -> None:
    with pytest.raises(UsageError, match=r"^queues is .*for example"):
        check_settings(**GOOD | {"queues": queues})


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", 1, b"a", None])
def test_names_are_text_that_the_database_can_store(name: Any) -> None:
    with pytest.raises(UsageError, match=r"^the name of a queue is "):
        check_settings(**GOOD | {"queues": {name: 1}})
    if name is not None:
        with pytest.raises(UsageError, match=r"^the worker's name is "):
            check_settings(**GOOD | {"name": name})


# Text


def test_text_for_a_message_is_never_an_error_and_never_moves_the_cursor() -> None:
    class Text(str):
        __slots__ = ()

        def __len__(self) -> int:
            raise ValueError

    class Odd(type):
        def __getattribute__(cls, name: str) -> Any:
            raise KeyboardInterrupt

    class Object(metaclass=Odd):
        def __repr__(self) -> str:
            raise SystemExit

        def __str__(self) -> str:
            return Text("as it is")

    assert safe_repr(Object()) == "<Object whose repr() raised SystemExit>"
    assert safe_str(Object()) == "as it is"
    assert safe_str("x" * 5000, 10) == "xxxxxxxxxx… (5,000 characters)"
    assert safe_str("a\0b\ud800") == "a\ufffdb?"
    assert printable("[a-z]+ :smile: é 😀") == "[a-z]+ :smile: é 😀"
    assert printable("\x1b[31m\x9b\u202e\r\n\U000e0001\ud800") == (
        r"\u001b[31m\u009b\u202e\r\n\udb40\udc01\ud800"
    )


# The command line as a process


def command(*arguments: str, before: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ``gendurable-py`` in a shell, so that a test can redirect and pipe."""
    script = Path(sys.executable).with_name("gendurable-py")
    after = options.pop("after", "")
    done = subprocess.run(
        ["bash", "-c", f'{before} "$0" "$@" {after}', str(script), *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
        env=os.environ | options.pop("env", {}),
        **options,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done


EVIL = "[/red] [a-z]+ :smile: é 😀 \x1b]0;x\x07 \x9b31m \u202e"


@pytest.fixture
def instance(dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an instance with data that a terminal or a markup language would obey."""
    monkeypatch.setenv("GENDURABLE_DSN", dsn)
    created = enqueue(conn, EVIL, {"re": EVIL}, step=EVIL, correlation_key=f"k\n{EVIL}")
    return str(created.id)


def test_status_shows_data_as_it_is_and_obeys_none_of_it(dsn: str, instance: str) -> None:
    shown = r"[/red] [a-z]+ :smile: é 😀 \u001b]0;x\u0007 \u009b31m \u202e"
    done = command("status", instance, "--dsn", dsn)
    assert done.returncode == 0
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["fsm"] == lines["step"] == shown
    assert lines["state"] == f'{{"re":"{shown}"}}'
    assert lines["correlation_key"] == rf"k\n{shown}"
    assert lines["error"] == "-"


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1:strict"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"TERM": "dumb", "COLUMNS": "1", "LINES": "1"},
        {"COLUMNS": "many", "FORCE_COLOR": "1"},
        {"COLUMNS": "-5", "NO_COLOR": "1"},
    ],
    ids=str,
)
def test_status_suits_any_environment(dsn: str, instance: str, env: dict[str, str]) -> None:
    done = command("status", instance, "--dsn", dsn, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "[/red] [a-z]+ :smile: " in done.stdout


def test_status_cuts_long_values_on_a_terminal_only(dsn: str, conn: Connection) -> None:
    created = enqueue(conn, "M", "x" * 100_000)
    assert "x" * 100_000 in command("status", str(created.id), "--dsn", dsn).stdout
    output = on_a_terminal("status", str(created.id), "--dsn", dsn)
    assert 1900 <= output.count("x") < 3000
    assert "… (100,002 characters" in output


def test_status_shows_a_traceback_in_lines_on_a_terminal_only(dsn: str, conn: Connection) -> None:
    created = enqueue(conn, "M")
    conn.execute(
        """select gd_commit(w, jsonb_build_array(jsonb_build_object(
               'id', p.id, 'fence', p.fence, 'kind', 'stop', 'error', %s::jsonb)))
           from gd_register('w') as w, gd_pick(w, 'default', 1) as p""",
        (r'{"type": "ValueError", "traceback": "File \"a.py\"\n  [/red] \u001b[31m x()\n"}',),
    )
    shown = on_a_terminal("status", str(created.id), "--dsn", dsn).splitlines()
    assert shown[-2:] == ['File "a.py"', r"  [/red] \u001b[31m x()"]
    assert shown[-6].endswith(' {"type":"ValueError"}')
    piped = command("status", str(created.id), "--dsn", dsn).stdout
    assert r'"traceback":"File \"a.py\"\n  [/red] \u001b[31m x()\n"' in piped
    assert len(piped.splitlines()) == 14


def on_a_terminal(*arguments: str) -> str:
    """Run ``gendurable-py`` on a terminal of its own and return all that it shows."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gendurable", *arguments], stdout=follower, stderr=follower
    )
    os.close(follower)
    output = b"".join(iter(lambda: read(leader), b""))
    os.close(leader)
    assert process.wait(60) == 0
    return output.decode()


def read(terminal: int) -> bytes:
    """What a terminal shows next; nothing at its end."""
    with contextlib.suppress(OSError):
        return os.read(terminal, 65536)
    return b""


@pytest.mark.parametrize(
    "key", ["²", "٣", "007", "9" * 19, "9" * 400, "0", "1_0", " 5", "+5", "1.0", "५"]
)
def test_what_looks_like_a_number_but_is_no_id_is_a_key(
    invoke: Invoke, dsn: str, conn: Connection, key: str
) -> None:
    enqueue(conn, "M", {"found": "by key"}, correlation_key=key)
    assert "by key" in invoke("status", key, "--dsn", dsn)[1]


def test_an_instance_that_is_not_there_is_an_error_with_a_way_on(invoke: Invoke, dsn: str) -> None:
    code, out, err = invoke("status", "7", "--dsn", dsn)
    assert (code, out) == (1, "")
    assert err.startswith("error: there is no instance 7 at ")
    assert err.endswith(
        "It may be finished and forgotten, or add --by-key if 7 is a correlation key.\n"
    )
    assert invoke("status", "", "--dsn", dsn)[2].startswith("error: there is no instance '' at ")
    assert invoke("status", "\udcff", "--dsn", dsn)[0] == 1
    err = invoke("status", "[/red] \x1b[31m", "--dsn", dsn)[2]
    assert err.startswith(r"error: there is no instance [/red] \u001b[31m at ")


@pytest.mark.parametrize(
    ("arguments", "after", "codes", "said"),
    [
        (["status"], "| head -0", (0, 1), ""),
        (["version"], "| true", (0, 1), ""),
        (["--help"], "| true", (0, 1), ""),
        (["status"], ">&-", (0,), ""),
        (["version"], "<&- >&- 2>&-", (0,), ""),
        (["status"], ">/dev/full", (1,), "error: [Errno 28] No space left on device\n"),
        (["version"], ">/dev/full", (1,), "error: [Errno 28] No space left on device\n"),
        (["--help"], ">/dev/full", (1,), "error: [Errno 28] No space left on device\n"),
    ],
    ids=str,
)
def test_output_that_is_not_wanted_or_not_possible_is_no_traceback(
    instance: str, arguments: list[str], after: str, codes: tuple[int, ...], said: str
) -> None:
    if arguments == ["status"]:
        arguments = ["status", instance]
    done = command(*arguments, before="set -o pipefail;", after=after)
    assert done.returncode in codes
    assert done.stderr == said


def test_an_error_with_stderr_closed_is_still_an_exit_code(dsn: str) -> None:
    assert command("status", "7", "--dsn", dsn, after="2>&-").returncode == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--lease", "nan"], 1), (["--lease", "inf"], 1), (["--lease", "-1"], 1),
        (["--lease", "1e999"], 1), (["--lease", "abc"], 2), (["--lease", "[/red]"], 2),
        (["--poll", "nan"], 1), (["--drain", "-1"], 1), (["--drain", "nan"], 1),
        (["--queue", "a=999999999999"], 1), (["--queue", "a=²"], 1), (["--queue", "a=५"], 1),
        (["--queue", "a=99999"], 1), (["--queue", "a= 1"], 1), (["--queue", "a=+1"], 1),
        (["--queue", f"{'a' * 1001}=1"], 1), (["--name", ""], 1), (["--name", "a" * 1001], 1),
        (["--queue", "\udcff=1"], 1), (["--no-such"], 2),
        (["--queue", "[/red]"], 1),
    ],
    ids=ascii,
)  # fmt: skip
def test_a_bad_option_is_a_sentence(
    invoke: Invoke, dsn: str, options: list[str], code: int
) -> None:
    left, out, err = invoke("run", "shop.py", "--dsn", dsn, *options)
    assert (left, out) == (code, "")
    assert len(err.splitlines()) <= 4
    assert "rror: " in err
    assert "Traceback" not in err


def test_the_cause_of_a_broken_module_is_shown_on_request(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import json\njson.loads('{')\n")
    code, _, plain = invoke("run", "broken.py")
    assert (code, plain.count("\n")) == (1, 1)
    code, _, verbose = invoke("run", "broken.py", "--verbose")
    assert code == 1
    assert "Traceback" in verbose
    assert "raw_decode" in verbose
    assert verbose.endswith(plain)


@pytest.mark.parametrize("arguments", [["run", "slow.py"], ["status", "1"], ["install"]])
def test_ctrl_c_while_importing_or_connecting_is_exit_code_130(
    tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\npathlib.Path('importing').touch()\ntime.sleep(60)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent, contextlib.ExitStack() as stack:
        dsn = f"host=127.0.0.1 port={silent.getsockname()[1]} sslmode=disable"
        process = subprocess.Popen(
            [sys.executable, "-m", "gendurable", *arguments, "--dsn", dsn],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
        )
        if arguments[0] == "run":
            until((tmp_path / "importing").exists)
        else:
            stack.enter_context(silent.accept()[0])
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"")


def test_who_lacks_a_privilege_is_told_on_the_command_line(
    invoke: Invoke, conn: Connection, login: str
) -> None:
    code, _, err = invoke("status", "1", "--dsn", login)
    assert (code, err.splitlines()[1]) == (1, "Grant it the role gd_client.")
    conn.execute(sql.SQL("grant gd_client to {}").format(role_of(login)))
    code, _, err = invoke("run", "shop.py", "--dsn", login)
    assert (code, err.splitlines()[1]) == (1, "Grant it the role gd_worker.")


def test_a_schema_that_is_not_there_is_said_on_the_command_line(
    invoke: Invoke, dsn: str, conn: Connection
) -> None:
    conn.execute("drop schema public cascade")
    for arguments in (["status", "1"], ["run", "shop.py"]):
        code, _, err = invoke(*arguments, "--dsn", dsn)
        assert code == 1
        assert err.startswith("error: the database has no usable gendurable schema: ")


# What a worker says, whatever logging was configured by the user's module


QUIET = """
import logging, logging.config, sys
from gendurable import job

@job()
def add(a: int, b: int) -> int:
    return a + b

class Raising(logging.Handler):
    def emit(self, record):
        raise RuntimeError("no log server")

class Broken(logging.Filter):
    def filter(self, record):
        raise RuntimeError("no log server")

root, logger = logging.getLogger(), logging.getLogger("gendurable")
"""

SILENCERS = {
    "dictConfig": "logging.config.dictConfig({'version': 1})",
    "dictConfig of others": "logging.config.dictConfig({'version': 1, 'loggers': {'shop': {}},"
    " 'handlers': {'null': {'class': 'logging.NullHandler'}}, 'root': {'handlers': ['null']}})",
    "fileConfig": "import io; logging.config.fileConfig(io.StringIO('[loggers]\\nkeys=root\\n"
    "[handlers]\\nkeys=\\n[formatters]\\nkeys=\\n[logger_root]\\nhandlers=\\n'))",
    "disable": "logging.disable()",
    "disabled": "logger.disabled = True",
    "shutdown": "logging.basicConfig(filename='log', filemode='w'); logging.shutdown()",
    "no propagation": "logging.basicConfig(); logger.propagate = False",
    "root level": "logging.basicConfig(level=logging.CRITICAL)",
    "handler level": "logging.basicConfig(); root.handlers[0].setLevel(logging.ERROR)",
    "NullHandler": "root.addHandler(logging.NullHandler())",
    "raising handler": "root.addHandler(Raising())",
    "raising handlers": "root.addHandler(Raising()); logger.addHandler(Raising())",
    "raising filter": "logging.basicConfig(); root.handlers[0].addFilter(Broken())",
    "refusing filter": "logging.basicConfig(); root.handlers[0].addFilter(lambda record: False)",
    "raising record factory": "logging.setLogRecordFactory(lambda *args, **more: 1 / 0)",
    "raising logger filter": "logger.addFilter(Broken())",
    "errors elsewhere": "h = logging.FileHandler('x'); h.setLevel('ERROR'); root.addHandler(h)",
}
RESPECTED = {
    "logging.basicConfig(format='m: %(message)s')": "m: an info seen\nm: an error seen\n",
    "h = logging.StreamHandler(); logger.addHandler(h); logger.propagate = False": (
        "an info seen\nan error seen\n"
    ),
    "logging.basicConfig(format='m: %(message)s'); logger.setLevel('ERROR')": "m: an error seen\n",
    "logging.basicConfig(filename='log', level='INFO')": "",
    "logging.basicConfig(format='m: %(message)s'); logger.addFilter(lambda r: r.levelno > 20)": (
        "m: an error seen\n"
    ),
}
# Forks, because a start of Python and the import of the package cost as much as ten of these.
SAY = """
import logging, os, sys
from gendurable.loading import load
from gendurable.log import log_to_stderr
for folder in sys.argv[1:]:
    if os.fork() == 0:
        os.chdir(folder)
        os.dup2(os.open("stderr", os.O_CREAT | os.O_WRONLY), 2)
        load("quiet")
        log_to_stderr()
        logging.getLogger("gendurable").info("an info %s", "seen")
        logging.getLogger("gendurable").error("an error seen")
        break
    assert os.wait()[1] == 0
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By configuration, where it was imported and something was said; ``stderr`` has what."""
    made: dict[str, Path] = {}
    for configuration in [*SILENCERS.values(), *RESPECTED]:
        made[configuration] = tmp_path_factory.mktemp("quiet")
        (made[configuration] / "quiet.py").write_text(QUIET + configuration)
    subprocess.run([sys.executable, "-c", SAY, *map(str, made.values())], check=True)
    return made


@pytest.mark.parametrize("silencer", SILENCERS)
def test_no_configuration_of_logging_silences_a_worker(
    folders: dict[str, Path], silencer: str
) -> None:
    said = (folders[SILENCERS[silencer]] / "stderr").read_text()
    assert said.count("an info seen") == 1
    assert said.count("an error seen") == 1
    assert "Traceback" not in said
    raising = {"raising handler": 1, "raising handlers": 2, "raising filter": 1}
    assert said.count("no log server") == raising.get(silencer, 0)


@pytest.mark.parametrize("configuration", RESPECTED)
def test_a_configuration_of_the_users_own_is_respected(
    folders: dict[str, Path], configuration: str
) -> None:
    folder = folders[configuration]
    assert (folder / "stderr").read_text() == RESPECTED[configuration]
    if "filename" in configuration:
        assert (folder / "log").read_text().count("seen") == 2


@pytest.mark.parametrize("silencer", ["dictConfig", "raising handlers"])
def test_a_worker_is_heard_and_works_under_such_a_configuration(
    dsn: str, conn: Connection, tmp_path: Path, silencer: str
) -> None:
    module, log = tmp_path / "quiet.py", tmp_path / "log"
    module.write_text(QUIET + SILENCERS[silencer])
    with worker_process(dsn, module, log) as process:
        assert finished(conn, enqueue(conn, "add", {"a": 1, "b": 2}).id).result == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    said = log.read_text()
    assert " at host=" in said
    assert said.endswith("stopped\n")


TELL = """
import logging
from gendurable.log import log_to_stderr
log_to_stderr()
logger = logging.getLogger("gendurable")
"""


def test_a_log_line_obeys_no_data() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TELL + 'logger.info("a\\x1b[31m%s", "\\x9b[b]")'],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert done.stderr.endswith(r"INFO    a\u001b[31m\u009b[b]" + "\n")


# Hundreds of equal lines are one


class Log:
    """A logger of its own whose lines a test can read."""

    _numbers = itertools.count()

    def __init__(self, window: float) -> None:
        self.logger = logging.getLogger(f"test_messages.{next(self._numbers)}")
        self.logger.setLevel(logging.DEBUG)
        self.logger.propagate = False
        self.stream = io.StringIO()
        self.logger.addHandler(logging.StreamHandler(self.stream))
        self.quiet = quieten(self.logger, window=window)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture
def log() -> Log:
    """One that counts until it is told to flush."""
    return Log(3600.0)


def test_hundreds_of_equal_lines_are_one(log: Log) -> None:
    for _ in range(300):
        log.logger.warning("the connection failed: %s", "refused")
    log.logger.warning("something else")
    assert log.lines == ["the connection failed: refused"] * 5 + ["something else"]
    log.quiet.flush()
    assert log.lines[6:] == ["the connection failed: refused … (295 more like it)"]
    log.quiet.flush()
    assert len(log.lines) == 7


def test_lines_on_other_instances_are_equal_unless_they_are_errors(log: Log) -> None:
    for number in range(100):
        log.logger.warning("M %d, attempt %d: failed: %s", number, number % 7, "refused")
        log.logger.warning("M %d: cannot find %d", 7, number)
        log.logger.error("M %d: gave up", number)
    assert sum("failed" in line for line in log.lines) == 5
    assert sum("cannot find" in line for line in log.lines) == 100
    assert sum("gave up" in line for line in log.lines) == 100


def test_hundreds_of_failures_of_one_kind_do_not_fill_the_log(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    module, messages = tmp_path / "shop.py", tmp_path / "log"
    module.write_text(
        "from gendurable import job\n"
        "@job(retries=2, backoff=0.01)\n"
        "def fail() -> None:\n"
        "    raise ValueError('no')\n"
    )
    with worker_process(dsn, module, messages) as process:
        enqueue_many(conn, [Entry("fail") for _ in range(200)])
        until(lambda: statuses(conn) == {"failed": 200}, "all have failed")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    lines = messages.read_text().splitlines()
    assert sum(" ERROR " in line for line in lines) == 200
    told = [line for line in lines if " WARNING " in line]
    assert len(told) <= 10
    held_back = sum(int(found[1]) for line in told if (found := re.search(r"\((\d+) more", line)))
    assert len([line for line in told if "more like it" not in line]) + held_back == 400


def test_different_lines_are_all_shown(log: Log) -> None:
    words = ["".join(word) for word in itertools.product("abcde", repeat=4)]
    for word in words:
        log.logger.info("M %s", word)
        log.logger.warning("M %s", word)
        log.logger.error("it failed", exc_info=LookupError(word))
    assert [line for line in log.lines if line.startswith("M")] == [
        f"M {word}" for word in words for _ in range(2)
    ]
    assert log.lines.count("it failed") == len(words)


def test_a_count_is_told_with_the_next_line_after_its_window() -> None:
    log = Log(0.05)
    for _ in range(20):
        log.logger.info("again")

    def counts() -> list[str]:
        log.logger.info("another")
        return [line for line in log.lines if line.startswith("again … (15 more like it in the ")]

    assert len(until(counts)) == 1
    assert log.lines[:5] == ["again"] * 5


def test_what_goes_on_and_on_is_only_counted_until_it_ends() -> None:
    log = Log(0.05)

    def counts() -> list[str]:
        log.logger.info("again")
        return [line for line in log.lines if "more like it" in line]

    until(lambda: len(counts()) >= 3)
    assert log.lines.count("again") == 5


def test_lines_of_many_threads_are_counted_once_each(log: Log) -> None:
    def say() -> None:
        for _ in range(200):
            log.logger.warning("the same")

    threads = [threading.Thread(target=say) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.quiet.flush()
    assert log.lines == ["the same"] * 5 + ["the same … (1595 more like it)"]


def test_a_count_is_told_at_exit() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TELL + "for _ in range(9): logger.info('again')"],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert done.stderr.count("INFO    again\n") == 5
    assert done.stderr.endswith("INFO    again … (4 more like it)\n")


def test_a_count_that_has_no_stream_any_more_is_not_told_of() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import io, sys; real, sys.stderr = sys.stderr, io.StringIO()\n"
         + TELL + "for _ in range(9): logger.info('again')\nsys.stderr.close(); sys.stderr = real"],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert done.stderr == ""


def test_a_logger_is_quietened_once_and_forgets(log: Log) -> None:
    assert quieten(log.logger) is log.quiet
    assert log.logger.filters == [log.quiet]
    for number in range(3000):
        log.logger.error("number %d", number)
    assert len(log.quiet._windows) <= 1000
    log.logger.info("%d", "no number")
    assert len(log.lines) == 3000


def test_a_quiet_logger_without_handlers_does_what_logging_does(
    capfd: pytest.CaptureFixture[str],
) -> None:
    logger = logging.getLogger("test_messages.bare")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    quieten(logger)
    logger.info("nothing configured")
    logger.warning("seen")
    assert capfd.readouterr().err == "seen\n"
