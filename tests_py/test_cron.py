"""Cron expressions in SQL against cronsim, which does what Debian's cron does.

Ten times as many and more: make cron (EXPRESSIONS=… SEED=…).
"""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import psycopg
import pytest
from cronsim import CronSim, CronSimError

EXPRESSIONS = int(os.environ.get("EXPRESSIONS", "3000"))
SEED = int(os.environ.get("SEED", "14"))
CHAIN = 4

ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Europe/London", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia", "America/Havana", "Asia/Beirut",
    "America/Santiago", "America/Asuncion", "Africa/Casablanca", "Asia/Tehran",
    "Antarctica/Troll", "Atlantic/Azores", "America/Sao_Paulo", "Europe/Dublin", "Asia/Tokyo",
]  # fmt: skip
FIELDS = [
    ("minute", 0, 59, []),
    ("hour", 0, 23, []),
    ("day-of-month", 1, 31, []),
    (
        "month",
        1,
        12,
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    ),
    ("day-of-week", 0, 7, ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
]
NAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def term(rng: random.Random, least: int, most: int, names: list[str]) -> str:
    def number(low: int) -> tuple[int, str]:
        value = rng.randint(low, most)
        if names and value - least < len(names) and rng.random() < 0.5:
            name = names[value - least]
            return value, rng.choice([name, name.upper(), name.capitalize()])
        return value, str(value).zfill(rng.choice([1, 1, 2]))

    kind = rng.random()
    value, first = number(least)
    if kind < 0.25:
        text = "*"
    elif kind < 0.6:
        text = first
    else:
        text = f"{first}-{number(value)[1]}"
    if rng.random() < 0.35:
        text += f"/{rng.choice([1, 2, 3, 5, 7, 10, 15, 20, 30, 90])}"
    return text


def expression(rng: random.Random) -> str:
    """Often stars, or expressions would hardly ever match."""
    fields = []
    for _, least, most, names in FIELDS:
        if rng.random() < 0.4:
            fields.append("*")
        else:
            terms = [term(rng, least, most, names) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
            fields.append(",".join(terms))
    if rng.random() < 0.3:  # A time of the day, as most people write them.
        fields[:2] = [str(rng.choice([0, 15, 30, 59])), str(rng.choice([0, 1, 2, 3, 23]))]
    return rng.choice([" ", " ", "  ", "\t"]).join(fields)


@cache
def changes(zone: str) -> list[datetime]:
    """The days, within a day, on which clocks change; histories that no tz release rewrites."""
    found, day, info = [], datetime(2000, 1, 1, tzinfo=UTC), ZoneInfo(zone)
    while day.year < 2022:
        later = day + timedelta(days=1)
        if day.astimezone(info).utcoffset() != later.astimezone(info).utcoffset():
            found.append(day)
        day = later
    return found


def moment(rng: random.Random, zone: str) -> datetime:
    if changes(zone) and rng.random() < 0.7:
        base = rng.choice(changes(zone))
        return base + timedelta(seconds=rng.randint(-86400, 2 * 86400))
    start = datetime(2000, 1, 1, tzinfo=UTC)
    return start + timedelta(microseconds=rng.randint(0, 22 * 365 * 86400 * 10**6))


def expected(cron: str, zone: str, after: datetime) -> list[datetime | None]:
    """The occurrences after a moment; what falls into an hour that comes twice came the first."""
    found: list[datetime | None] = []
    last = after
    try:
        simulated = iter(CronSim(cron, after.astimezone(ZoneInfo(zone))))
        while len(found) < CHAIN:
            occurrence = next(simulated).astimezone(UTC)
            if occurrence > last + timedelta(days=3653):
                break
            if occurrence > last:
                found.append(occurrence)
                last = occurrence
    except (CronSimError, StopIteration):
        pass  # It never comes.
    return found + [None] * (CHAIN - len(found))


@pytest.fixture
def chain(conn: psycopg.Connection) -> psycopg.Connection:
    conn.execute("set timezone = 'UTC'")
    conn.execute("""
        create function pg_temp.chain(cron text, zone text, after timestamptz, n int)
        returns timestamptz[] language plpgsql as $$
        declare
            v_all timestamptz[] := '{}';
        begin
            while cardinality(v_all) < n loop
                after := case when after is not null
                              then public.gd_next_occurrence(cron, zone, after) end;
                v_all := v_all || after;
            end loop;
            return v_all;
        end
        $$""")
    return conn


def test_occurrences_are_those_of_cron(chain: psycopg.Connection) -> None:
    rng = random.Random(SEED)
    cases = []
    for _ in range(EXPRESSIONS):
        zone = rng.choice(ZONES)
        cases.append((expression(rng), zone, moment(rng, zone)))
    # Ten years apart, the horizons of the two differ by leap days: those are not compared.
    rows = chain.execute(
        "select pg_temp.chain(c, z, a, %s)"
        " from unnest(%s::text[], %s::text[], %s::timestamptz[]) with ordinality as x (c, z, a, n)"
        " order by n",
        (CHAIN, *map(list, zip(*cases, strict=True))),
    ).fetchall()
    wrong = [
        f"{case}: {found} instead of {wanted}"
        for case, (found,) in zip(cases, rows, strict=True)
        if found != (wanted := expected(*case))
    ]
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:10])
    some = [found for (found,) in rows if found[0] is not None]
    assert len(some) > 0.9 * len(cases)


def test_a_day_that_begins_twice(chain: psycopg.Connection) -> None:
    """There cronsim never ends: at 00:01 of a Sunday, clocks were put back to 23:01 of Saturday."""
    zone = ZoneInfo("America/St_Johns")
    at = datetime(2002, 10, 27, 2, 25, tzinfo=UTC)  # 23:55 on Saturday
    minutes = [at + timedelta(minutes=n) for n in range(1, 150)]
    sundays = [minute for minute in minutes if minute.astimezone(zone).weekday() == 6]
    ask = "select pg_temp.chain('* * * * sun', 'America/St_Johns', %s, %s)"
    row = chain.execute(ask, (at, len(sundays))).fetchone()
    assert row == (sundays,)


def test_a_name_stands_for_its_fields(chain: psycopg.Connection) -> None:
    after = datetime(2021, 3, 27, 12, 34, 56, tzinfo=UTC)
    ask = "select pg_temp.chain(%s, 'Europe/Berlin', %s, 4)"
    for name, fields in NAMES.items():
        wanted = chain.execute(ask, (fields, after)).fetchone()
        for spelling in (name, name.upper(), name.title()):
            assert chain.execute(ask, (spelling, after)).fetchone() == wanted


REFUSED = [
    ("60 * * * *", "minute"),
    ("-1 * * * *", "minute"),
    ("* 24 * * *", "hour"),
    ("* * 0 * *", "day-of-month"),
    ("* * 32 * *", "day-of-month"),
    ("* * L * *", "day-of-month"),
    ("* * LW * *", "day-of-month"),
    ("* * mon * *", "day-of-month"),
    ("* * * 13 *", "month"),
    ("* * * janu *", "month"),
    ("* * * mon *", "month"),
    ("* * * * 8", "day-of-week"),
    ("* * * * mon#2", "day-of-week"),
    ("* * * * 5L", "day-of-week"),
    ("* * * * fri-sun", "day-of-week"),
    ("5-3 * * * *", "minute"),
    ("*/0 * * * *", "minute"),
    ("*/ * * * *", "minute"),
    ("*-5 * * * *", "minute"),
    ("1-2-3 * * * *", "minute"),
    ("1,,2 * * * *", "minute"),
    (", * * * *", "minute"),
    ("*/5/2 * * * *", "minute"),
    ("** * * * *", "minute"),
    ("1.5 * * * *", "minute"),
    ("٣ * * * *", "minute"),
    ("99999999999999999999 * * * *", "minute"),
    ("* * * *", "4 fields"),
    ("0 * * * * *", "6 fields"),
    ("   ", "0 fields"),
    ("@reboot", "@reboot"),
    ("@daily 3", "@daily 3"),
    ("@every", "no interval"),
    ("@every soon", "no interval"),
    ("@every 0.9 seconds", "one second"),
    ("@every 1 month -1 day", "one second"),
    ("@every -1 hour", "one second"),
]


def test_what_is_no_expression_is_refused_with_the_field(conn: psycopg.Connection) -> None:
    for cron, blamed in REFUSED:
        with pytest.raises(psycopg.Error) as refused:
            conn.execute("select gd_next_occurrence(%s)", (cron,))
        assert refused.value.sqlstate == "GD002", cron
        assert blamed in str(refused.value.diag.message_detail), cron
