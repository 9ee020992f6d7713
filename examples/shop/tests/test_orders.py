"""The orders' handlers, without a server; then the whole shop, with one."""

import asyncio

import dora
import orders
import pytest


class Catalogue:
    """In the place of a client: a catalogue of one product."""

    def call(self, name, param):
        assert name == "/product/get"
        if param["id"] != 2:
            raise dora.HandlerError("no product", code=404)
        return {"id": 2, "name": "Coffee cup", "cents": 900}


@pytest.fixture
def app(monkeypatch):
    monkeypatch.setattr(orders, "catalogue", Catalogue())
    yield orders.app
    orders.app.close()


def test_an_order_is_kept(app):
    placed = app.call("/order/place", {"product": 2, "count": 3})
    assert placed["name"] == "Coffee cup" and placed["cents"] == 2700
    found = app.call("/order/get", {"order": placed["order"]}, guid="c0ffee" + "0" * 26)
    assert found == {"order": placed["order"], "product": 2, "cents": 2700, "call": "c0ffee00"}


def test_an_order_that_does_not_fit_is_not_run(app):
    with pytest.raises(dora.NotRunError) as info:
        app.call("/order/place", {"prodcut": 2})
    assert info.value.msg == "$.product: missing; $.prodcut: unknown"


def test_errors_are_those_of_the_handler(app):
    with pytest.raises(dora.HandlerError, match="no order 99"):
        app.call("/order/get", {"order": 99})


def test_a_handler_can_be_called_by_itself():
    request = dora.Request("/order/late", remaining_ms=1)
    assert asyncio.run(orders.late(None, request)) == {"waited": True}


def test_the_whole_shop(dora_server, monkeypatch, tmp_path):
    monkeypatch.setenv("SHOP_ORDERS", str(tmp_path / "orders.db"))
    shop = dora_server(config="dora.json")
    monkeypatch.setenv("SHOP_CATALOGUE", shop.address)
    shop = dora_server("orders.py", workers=1)
    placed = shop.call("/order/place", {"product": 1})
    assert placed["name"] == "Coffee mill", "from PHP"
    assert shop.call("/order/get", {"order": placed["order"]})["cents"] == 4900
