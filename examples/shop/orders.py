"""orders.py: the shop's orders. A service in Python: /order/place, /order/get, /order/late."""

import asyncio
import os
import sqlite3

import dora

app = dora.App()
catalogue = dora.Client(os.environ.get("SHOP_CATALOGUE", "127.0.0.1:9567"), timeout=2.0)
orders = sqlite3.connect(":memory:")  # until open_orders


@app.worker_start
def open_orders():
    """Each worker has a connection of its own."""
    global orders
    orders = sqlite3.connect(os.environ.get("SHOP_ORDERS", ":memory:"), check_same_thread=False)
    orders.execute("create table if not exists orders (id integer primary key, product, cents)")


@app.worker_stop
def close_orders():
    orders.close()


@app.middleware
async def counted(call_next, param, request):
    """Stands around every handler: each answer says which call it was."""
    answer = await call_next()
    return answer | {"call": request.guid[:8]}


@app.api("/order/place", summary="Orders a product")
def place(*, product: int, count: int = 1):
    found = catalogue.call("/product/get", {"id": product})
    cents = found["cents"] * count
    with orders:
        row = orders.execute("insert into orders (product, cents) values (?, ?)", (product, cents))
    return {"order": row.lastrowid, "name": found["name"], "cents": cents}


@app.api("/order/get")
def get(param):
    question = "select product, cents from orders where id = ?"
    row = orders.execute(question, (param["order"],)).fetchone()
    if row is None:
        raise dora.HandlerError(f"no order {param['order']}", code=404)
    return {"order": param["order"], "product": row[0], "cents": row[1]}


@app.api("/order/late")
async def late(param, request):
    """Waits as long as its caller does, at most a tenth of a second."""
    await asyncio.sleep(min(100, request.remaining_ms or 100) / 1000)
    return {"waited": True}
