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
    lines = [{"product": 2, "count": 3}, {"product": 2, "count": 1}]
    placed = app.call("/order/place", {"lines": lines})
    assert placed["names"] == ["Coffee cup", "Coffee cup"] and placed["cents"] == 3600
    found = app.call("/order/get", {"order": placed["order"]}, guid="c0ffee" + "0" * 26)
    assert found == {"order": placed["order"], "lines": lines, "cents": 3600, "call": "c0ffee00"}


@pytest.mark.parametrize("order, why", [
    ({"lines": [{"product": 2}, {"prodcut": 2}]},
     "$.lines[1].product: Field required; "
     "$.lines[1].prodcut: Extra inputs are not permitted"),
    ({"lines": [{"product": 2, "count": 0}]},
     "$.lines[0].count: Input should be greater than or equal to 1"),
    ({"lines": []}, "$.lines: List should have at least 1 item after validation, not 0"),
    (None, "$: Input should be a valid dictionary or instance of Order"),
])
def test_an_order_that_does_not_fit_is_not_run(app, order, why):
    with pytest.raises(dora.NotRunError) as info:
        app.call("/order/place", order)
    assert (info.value.code, info.value.msg) == (100210, why)


def test_a_member_that_is_missing_or_unknown_is_told(app):
    with pytest.raises(dora.NotRunError) as info:
        app.call("/order/get", {"oder": 1})
    assert (info.value.code, info.value.msg) == (100210, "$.order: missing; $.oder: unknown")


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
    placed = shop.call("/order/place", {"lines": [{"product": 1}]})
    assert placed["names"] == ["Coffee mill"], "from PHP"
    assert shop.call("/order/get", {"order": placed["order"]})["cents"] == 4900
