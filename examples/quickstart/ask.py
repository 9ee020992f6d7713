"""Asks one server for answers of Python, PHP and C handlers: one by one, then all at once.

    python3 ask.py 127.0.0.1:9567
"""

import sys

import dora

with dora.Client(sys.argv[1]) as client:
    user = client.call("/user/get", {"id": 7})
    print("single  /user/get      from Python:", user["name"])
    product = client.call("/product/get", {"id": 7})
    print("single  /product/get   from PHP:   ", product["name"])

    results = client.call_many(
        {
            "user": ("/user/get", {"id": 7}),
            "product": ("/product/get", {"id": 7}),
            "orders": ("/order/total", {"user": 7}),
        }
    )
    found = results["user"]["name"], results["product"]["name"], results["orders"]["total"]
    print("many    all three      at once:     %s, %s, %.2f" % found)
