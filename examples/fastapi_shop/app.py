"""The web application, with a worker in its event loop.

uvicorn fastapi_shop.app:app
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from fastapi_shop import database
from fastapi_shop.checkout import Checkout, Purchase
from fastapi_shop.database import DSN, Order
from gendurable import WaitTimeoutError, Worker, embedded, enqueue, signal, wait

__all__ = ["app"]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    """A worker for as long as the application runs; at its end it drains."""
    async with embedded(Worker([Checkout], dsn=DSN, drain=10)):
        yield
    await database.engine.dispose()


app = FastAPI(lifespan=lifespan)


async def begin() -> AsyncIterator[AsyncSession]:
    """A session, committed when the endpoint has returned, rolled back when it has raised."""
    async with database.Sessions.begin() as session:
        yield session


def begin_sync() -> Iterator[Session]:
    """The same for endpoints that are a plain ``def``."""
    with database.SyncSessions.begin() as session:
        yield session


# With scope="function" the commit comes before the response: what the client is told is true.
InTransaction = Annotated[AsyncSession, Depends(begin, scope="function")]
InSyncTransaction = Annotated[Session, Depends(begin_sync, scope="function")]


class NewOrder(BaseModel):
    """What a customer sends."""

    sku: str
    quantity: int = 1


@app.post("/orders", status_code=201)
async def place(new: NewOrder, session: InTransaction) -> dict[str, Any]:
    """The order and its checkout come into being together, or not at all."""
    order = Order(sku=new.sku, quantity=new.quantity)
    session.add(order)
    await session.flush()
    await enqueue(session, Checkout, Purchase(order.id), correlation_key=f"order:{order.id}")
    if new.quantity > 100:
        raise HTTPException(409, "we do not have so many")
    return {"id": order.id}


@app.post("/orders/{order_id}/payments/{payment_id}", status_code=202)
async def pay(order_id: int, payment_id: str, session: InTransaction) -> dict[str, str]:
    """The bank calls this, perhaps twice for one payment."""
    said = await signal(session, f"order:{order_id}", "paid", dedup_key=payment_id)
    if said == "no_target":
        raise HTTPException(404, "nothing is to be paid")
    return {"payment": said}


@app.delete("/orders/{order_id}", status_code=202)
def cancel(order_id: int, session: InSyncTransaction) -> dict[str, str]:
    """A plain ``def`` runs in a thread, on a sync session."""
    if session.get(Order, order_id) is None:
        raise HTTPException(404, "there is no such order")
    return {"cancellation": signal(session, f"order:{order_id}", "cancelled")}


@app.get("/orders/{order_id}")
async def look(order_id: int, seconds: float = 0) -> dict[str, Any]:
    """Where an order is; waits so many seconds for its end, and is told of it by the commit."""
    async with database.waiting.connect() as conn:
        try:
            found = await wait(conn, f"order:{order_id}", timeout=min(seconds, 30))
        except WaitTimeoutError as exc:
            found = exc.status
    if found is None:
        raise HTTPException(404, "there is no such order")
    return {"status": found.status, "step": found.step, "result": found.result}
