"""The site's reviews: a service in Python.

    dora serve reviews.py
"""

import logging
import os
import platform
import socket
import time

import dora

app = dora.App()
LOG = logging.getLogger(__name__)

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
WAIT_MS_MAX = 1000
WORD_S = float(os.environ.get("SITE_WORD_S", "0.08"))  # a model would take as long


SHORT = {
    1: "People love how quiet it is: one grinds at six in the morning and wakes nobody. The drawer "
       "is the one thing to look after, for it sticks when it rains. Buy it to hand it on.",
    2: "It does what it promises and does not drip, which is more than most can say. If there is "
       "a wish left it is the colour: somebody would take it in blue, too.",
    3: "It sings a clear A, boils two litres in six minutes on gas, and wants to be polished now "
       "and then. Cats are of two minds about it.",
}


@app.api("/review/short", time_limit=30)
def review_short(param):
    """{"product": 1} -> what its reviews come to, word by word; returns how many there were. It
    ends where it is when nobody reads on."""
    words = SHORT.get(param["product"], "Nobody has said anything yet.").split()
    said = 0
    try:
        for word in words:
            yield word
            said += 1
            time.sleep(WORD_S)
    finally:
        LOG.info("said %d of %d words", said, len(words))
    return said


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
