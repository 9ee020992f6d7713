"""A small user directory, served over Dora.

Alone:             python3 users.py
By the server:     dora serve users.py
Beside others:     dora serve users.py orders.php
"""

import itertools
import logging

import dora

app = dora.App()
log = logging.getLogger(__name__)  # ends in the server's log

USERS = {
    1: {"id": 1, "name": "Ann", "mail": "ann@example.org", "tags": ["admin"]},
    2: {"id": 2, "name": "Bob", "mail": "bob@example.org", "tags": []},
    7: {"id": 7, "name": "Cleo", "mail": "cleo@example.org", "tags": ["beta", "admin"]},
}


def field(param, name, kind):
    """One field of the parameter, checked."""
    value = param.get(name) if isinstance(param, dict) else None
    if not isinstance(value, kind):
        raise dora.HandlerError(f"{name} must be {kind.__name__}", code=400)
    return value


@app.api("/user/get")
def user_get(param):
    """{"id": 7} -> the user."""
    number = field(param, "id", int)
    if number not in USERS:
        raise dora.HandlerError(f"no user {number}", code=404)
    return USERS[number]


@app.api("/user/find")
def user_find(param):
    """{"text": "an", "limit": 10} -> the users whose name or mail has the text in it."""
    text = field(param, "text", str).lower()
    found = (user for user in USERS.values() if text in f"{user['name']} {user['mail']}".lower())
    return list(itertools.islice(found, param.get("limit", 10)))


@app.api("/user/names")
def user_names(param):
    """[1, 2] -> {1: "Ann", 2: "Bob"}; unknown ids are left out."""
    return {number: USERS[number]["name"] for number in param if number in USERS}


@app.api("/user/each")
def user_each(param):
    """The names, one after the other, then how many there are: for callers of a stream."""
    for user in USERS.values():
        yield user["name"]
    return len(USERS)


@app.api("/user/seen")
def user_seen(param):
    """{"id": 7, "by": "cron"} -> nothing: for callers that do not wait."""
    log.info("user %d was seen by %s", field(param, "id", int), field(param, "by", str))


@app.api("/user/whoami")
def user_whoami(param, request):
    """What the server knows about this very call."""
    return {"name": request.name, "guid": request.guid, "remaining_ms": request.remaining_ms}


if __name__ == "__main__":
    app.run(port=9567)
