"""What the catalog of an installed engine says of its public functions and views."""

from __future__ import annotations

import os
import re
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests_py"))

from database import create_database, drop_database, own_cluster  # noqa: E402
from gendurable.install import install  # noqa: E402

__all__ = ["ROLES", "ROOT", "Argument", "Column", "Engine", "Function", "View", "read"]

ROLES = ("gd_client", "gd_worker", "gd_admin")  # Each may what those before it may.

_TYPES = {
    "bigint": "bigint",
    "boolean": "boolean",
    "double precision": "float8",
    "integer": "int",
    "timestamp with time zone": "timestamptz",
}

_FUNCTIONS = r"""
select p.proname as name, obj_description(p.oid, 'pg_proc') as comment,
       pg_get_function_result(p.oid) as returns,
       p.provariadic <> 0 as variadic,
       (select jsonb_agg(jsonb_build_object(
                   'name', p.proargnames[a.ord], 'mode', coalesce(p.proargmodes[a.ord]::text, 'i'),
                   'type', format_type(a.type, null),
                   'default', case when a.ord <= p.pronargs
                                   then pg_get_function_arg_default(p.oid, a.ord::int) end)
                   order by a.ord)
        from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality
             as a (type, ord)) as arguments,
       (select jsonb_agg(jsonb_build_object(
                   'name', c.attname, 'mode', 't', 'type', format_type(c.atttypid, c.atttypmod))
                   order by c.attnum)
        from pg_type as t join pg_attribute as c on c.attrelid = t.typrelid
        where t.oid = p.prorettype and t.typtype = 'c' and c.attnum > 0) as row,
       array(select r.name from unnest(%s::text[]) with ordinality as r (name, ord)
             where has_function_privilege(r.name, p.oid, 'execute') order by r.ord) as roles
from pg_proc as p
where p.pronamespace = 'public'::regnamespace and p.proname like 'gd\_%%'
order by p.proname, p.oid
"""

_VIEWS = r"""
select r.relname as name, obj_description(r.oid, 'pg_class') as comment,
       jsonb_agg(jsonb_build_object(
           'name', c.attname, 'type', format_type(c.atttypid, c.atttypmod),
           'comment', col_description(r.oid, c.attnum)) order by c.attnum) as columns
from pg_class as r join pg_attribute as c on c.attrelid = r.oid
where r.relnamespace = 'public'::regnamespace and r.relname like 'gd\_%' and r.relkind = 'v'
      and c.attnum > 0
group by r.oid, r.relname
order by r.relname
"""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument; `default` is None where it is required."""

    name: str
    type: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer or of a view; that of an answer has its comment in words.toml."""

    name: str
    type: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """One signature of a function; `returns` is its type where it does not answer rows."""

    name: str
    comment: str
    arguments: tuple[Argument, ...]
    columns: tuple[Column, ...]
    returns: str
    variadic: bool
    role: str


@dataclass(frozen=True, slots=True)
class View:
    """A view."""

    name: str
    comment: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Engine:
    """The public functions by name, with the signatures of each, and the views."""

    functions: dict[str, list[Function]]
    views: list[View]


def read() -> Engine:
    """Installs the engine into a database of its own, reads its catalog, and drops it."""
    given = os.environ.get("GENDURABLE_TEST_DSN")
    with nullcontext(given) if given else own_cluster() as admin:
        name = f"gendurable_reference_{uuid4().hex[:12]}"
        dsn = create_database(admin, name)
        try:
            install(dsn)
            with psycopg.connect(dsn, row_factory=psycopg.rows.dict_row) as conn:
                found = [
                    _function(row) for row in conn.execute(_FUNCTIONS, (list(ROLES),)).fetchall()
                ]
                views = [_view(row) for row in conn.execute(_VIEWS).fetchall()]
        finally:
            drop_database(admin, name)
    functions: dict[str, list[Function]] = {}
    for one in found:
        functions.setdefault(one.name, []).append(one)
    return Engine(functions, views)


def _function(row: dict[str, Any]) -> Function:
    listed = row["arguments"] or []
    columns = row["row"] or [one for one in listed if one["mode"] == "t"]
    return Function(
        name=row["name"],
        comment=row["comment"],
        arguments=tuple(
            Argument(one["name"], _type(one["type"]), _default(one["default"]))
            for one in listed
            if one["mode"] != "t"
        ),
        columns=tuple(Column(one["name"], _type(one["type"])) for one in columns),
        returns=_returns(row["returns"]),
        variadic=row["variadic"],
        role=row["roles"][0],
    )


def _view(row: dict[str, Any]) -> View:
    columns = tuple(
        Column(one["name"], _type(one["type"]), one["comment"]) for one in row["columns"]
    )
    return View(row["name"], row["comment"], columns)


def _returns(result: str) -> str:
    if result.startswith("TABLE"):
        return "table"
    return re.sub(r"^SETOF (.*)", lambda m: f"setof {_type(m[1])}", _type(result))


def _type(name: str) -> str:
    plain = name.removesuffix("[]")
    return _TYPES.get(plain, plain) + name[len(plain) :]


def _default(expression: str | None) -> str | None:
    """An expression as it was written: the catalog adds casts."""
    if expression is None:
        return None
    plain = re.sub(r"::(?:[a-z_ ]+)(?:\[\])?$", "", expression)
    return plain.lower() if plain == "NULL" else plain
