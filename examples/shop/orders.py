"""orders.py: the shop's orders. A service in Python: /order/place, /order/get, /order/late."""

import asyncio
import os
import sqlite3

import dora
import pydantic


class Line(pydantic.BaseModel, extra="forbid"):
    product: int
    count: int = pydantic.Field(default=1, ge=1, le=100)


class Order(pydantic.BaseModel, extra="forbid"):
    lines: list[Line] = pydantic.Field(min_length=1)


class Placed(pydantic.BaseModel):
    order: int
    names: list[str]
    cents: int


app = dora.App(typed=True)
catalogue = dora.Client(os.environ.get("SHOP_CATALOGUE", "127.0.0.1:9567"), timeout=2.0)
orders = sqlite3.connect(":memory:")  # until open_orders


@app.worker_start
def open_orders():
    """Each worker has a connection of its own."""
    global orders
    orders = sqlite3.connect(os.environ.get("SHOP_ORDERS", ":memory:"), check_same_thread=False)
    orders.execute("create table if not exists orders (id integer primary key, lines, cents)")


@app.worker_stop
def close_orders():
    orders.close()


@app.middleware
async def counted(call_next, param, request):
    """Stands around every handler: each answer says which call it was."""
    answer = await call_next()
    return answer | {"call": request.guid[:8]}


@app.api("/order/place")
def place(param: Order) -> Placed:
    """Orders products."""
    found = [catalogue.call("/product/get", {"id": line.product}) for line in param.lines]
    cents = sum(each["cents"] * line.count for each, line in zip(found, param.lines))
    with orders:
        row = orders.execute("insert into orders (lines, cents) values (?, ?)",
                             (param.model_dump_json(), cents))
    return Placed(order=row.lastrowid, names=[each["name"] for each in found], cents=cents)


@app.api("/order/get")
def get(*, order: int):
    row = orders.execute("select lines, cents from orders where id = ?", (order,)).fetchone()
    if row is None:
        raise dora.HandlerError(f"no order {order}", code=404)
    return {"order": order, "lines": Order.model_validate_json(row[0]).lines, "cents": row[1]}


@app.api("/order/late")
async def late(param, request):
    """Waits as long as its caller does, at most a tenth of a second."""
    await asyncio.sleep(min(100, request.remaining_ms or 100) / 1000)
    return {"waited": True}
