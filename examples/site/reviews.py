"""The site's reviews: a service in Python.

    dora serve reviews.py
"""

import os
import platform
import socket
import time

import dora

app = dora.App()

REVIEWS = {
    1: [
        {"by": "Ann", "stars": 5, "text": "Quiet enough for six in the morning."},
        {"by": "Milo", "stars": 4, "text": "The drawer sticks a little when it rains."},
        {"by": "Yuki", "stars": 5, "text": "My grandmother's is the same, and still grinds."},
    ],
    2: [
        {"by": "Bob", "stars": 5, "text": "It really does not drip."},
        {"by": "Ines", "stars": 4, "text": "I would take it in blue, too."},
    ],
    3: [
        {"by": "Cleo", "stars": 5, "text": "Sings a clear A. The cat has opinions."},
        {"by": "Tom", "stars": 3, "text": "Beautiful, and wants to be polished."},
        {"by": "Ada", "stars": 5, "text": "Two litres in six minutes on gas."},
    ],
}
WAIT_MS_MAX = 500


@app.api("/review/list")
def review_list(param):
    """{"product": 1} -> its reviews. `wait_ms` lets it take longer, as in catalogue.php."""
    began = time.perf_counter()
    reviews = REVIEWS.get(param["product"], [])
    stars = [review["stars"] for review in reviews]
    time.sleep(max(0, min(WAIT_MS_MAX, int(param.get("wait_ms", 0)))) / 1000)
    return {
        "reviews": reviews,
        "average": sum(stars) / len(stars) if stars else None,
        "served": {
            "by": "Python " + ".".join(platform.python_version_tuple()[:2]),
            "server": os.environ.get("SITE_SERVER") or socket.gethostname(),
            "pid": os.getpid(),
            "ms": (time.perf_counter() - began) * 1000,
        },
    }
