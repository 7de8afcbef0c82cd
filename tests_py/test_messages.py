"""What a user reads when something is wrong: one clear message, whatever it was."""

from __future__ import annotations

from typing import Any

import pytest

from gendurable import UsageError
from gendurable.settings import check_settings

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
