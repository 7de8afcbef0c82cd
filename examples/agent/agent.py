"""A support agent: a model that calls tools, some of which a person has to approve first.

Each answer of the model, each result of a tool and each decision of a person is committed before
the agent goes on. So a restart costs no answer of the model a second time, and an agent may wait
for its person for days: a parked instance is a row, not a process.

    psql -f examples/agent/shop.sql mine
    AGENT_MODEL_URL=https://models.example/v1/chat/completions AGENT_MODEL_KEY=… \\
        gendurable-py run examples/agent/agent.py --queue agents=20

The model is anything that speaks the protocol of chat completions with tools.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import psycopg

from gendurable import Await, Context, Done, Machine, Next, Outcome, RetryPolicy, Stop, step

Message = dict[str, Any]
MOST_TURNS = 20


class Call(msgspec.Struct):
    """One call of a tool that the model has asked for."""

    id: str
    tool: str
    arguments: dict[str, Any]


class Conversation(msgspec.Struct):
    """Everything that the model has to see again, and the calls that are still to be made."""

    messages: list[Message]
    calls: list[Call] = []
    turns: int = 0


def find_order(conn: psycopg.Connection[Any], order: str) -> Any:
    """What there is to know of an order."""
    row = conn.execute(
        "select o.customer, o.amount, coalesce(sum(r.amount), 0)"
        " from orders as o left join refunds as r on r.order_id = o.id"
        " where o.id = %s group by o.id",
        (order,),
    ).fetchone()
    if row is None:
        return {"error": f"there is no order {order}"}
    return {"customer": row[0], "paid": int(row[1]), "refunded": int(row[2])}


def refund(conn: psycopg.Connection[Any], order: str, amount: int) -> Any:
    """Gives money back."""
    conn.execute("insert into refunds (order_id, amount) values (%s, %s)", (order, amount))
    return {"refunded": amount}


def _schema(description: str, **types: str) -> dict[str, Any]:
    properties = {name: {"type": kind} for name, kind in types.items()}
    parameters = {"type": "object", "properties": properties, "required": list(types)}
    return {"description": description, "parameters": parameters}


TOOLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "find_order": (find_order, _schema("Looks an order up.", order="string")),
    "refund": (refund, _schema("Refunds part of an order.", order="string", amount="integer")),
}
NEED_APPROVAL = {"refund"}


def ask_model(messages: list[Message]) -> Message:
    """The next message of the model; it may hold calls of tools."""
    tools = [
        {"type": "function", "function": {"name": name} | schema}
        for name, (_, schema) in TOOLS.items()
    ]
    body = {"model": os.environ.get("AGENT_MODEL", "default"), "messages": messages, "tools": tools}
    request = urllib.request.Request(
        os.environ["AGENT_MODEL_URL"],
        json.dumps(body).encode(),
        {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {os.environ.get('AGENT_MODEL_KEY', '')}",
        },
    )
    with urllib.request.urlopen(request, timeout=100) as answer:
        message: Message = json.load(answer)["choices"][0]["message"]
        return message


class Agent(Machine[Conversation]):
    """Asks the model, makes the calls that it wants, and asks again until it has an answer."""

    queue = "agents"
    retry = RetryPolicy(max_attempts=8, initial=1)

    @step(timeout=120)
    def start(self, ctx: Context[Conversation]) -> Outcome:
        """Ask the model. Nothing else happens here, so an answer that is committed is paid once."""
        state = ctx.state
        if state.turns == MOST_TURNS:
            return Stop({"reason": f"no answer after {MOST_TURNS} turns"})
        message = ask_model(state.messages)
        state.turns += 1
        state.messages.append(message)
        state.calls = [
            Call(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in message.get("tool_calls") or ()
        ]
        if not state.calls:
            return Done({"answer": message["content"]})
        return self._go_on(state)

    @step
    def decide(self, ctx: Context[Conversation]) -> Outcome:
        """See what a person has said of the first call, or that no one has in time."""
        state = ctx.state
        call = state.calls[0]
        said = [one for one in ctx.awaited if one.payload.get("call") == call.id]
        if ctx.awaited and not said:  # it was about another call
            return self._wait()
        if said and said[0].name == "approved":
            return Next(self.act)
        reason = said[0].payload.get("reason", "") if said else "no one answered in time"
        return self._answer(state, {"refused": reason})

    @step(transactional=True)
    def act(self, ctx: Context[Conversation]) -> Outcome:
        """Make the first call. What it writes and its result are committed together."""
        call = ctx.state.calls[0]
        if call.tool not in TOOLS:
            return self._answer(ctx.state, {"error": f"there is no tool {call.tool}"})
        function, _ = TOOLS[call.tool]
        try:
            with ctx.conn.transaction():
                result = function(ctx.conn, **call.arguments)
        except (TypeError, psycopg.DataError, psycopg.IntegrityError) as exc:
            result = {"error": str(exc)}  # for the model: it may ask for something else
        return self._answer(ctx.state, result)

    def _answer(self, state: Conversation, result: Any) -> Outcome:
        """Note the result of the first call, and go on with the others."""
        call = state.calls.pop(0)
        state.messages.append(
            {"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)}
        )
        return self._go_on(state)

    def _go_on(self, state: Conversation) -> Outcome:
        if not state.calls:
            return Next(self.start)
        if state.calls[0].tool in NEED_APPROVAL:
            return self._wait()
        return Next(self.act)

    def _wait(self) -> Outcome:
        # Each decision is taken once: one about this call says nothing of the next.
        return Await(
            ["approved", "rejected"], step=self.decide, timeout=timedelta(days=2), consume=True
        )
