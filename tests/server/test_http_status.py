"""The status over HTTP of a handler's own error: an exception may carry one, nothing else does."""

import pytest

from support import v1
from support.server import Server, wait_until
from support.web import Web

PYTHON = """
import asyncio, http
import dora
app = dora.App()

class Gone(Exception):
    http_status = 410

class Late(Exception):
    @property
    def http_status(self):
        raise RuntimeError("not now")

@app.api("/gone")
def gone(param):
    raise Gone("it was here")

@app.api("/coded")
def coded(param):
    error = dora.HandlerError("no such user", code=7)
    error.http_status = http.HTTPStatus.NOT_FOUND
    raise error

@app.api("/carried")
def carried(param):
    error = ValueError("carried")
    error.http_status = param
    raise error

@app.api("/async")
async def soon(param):
    raise Gone("later")

@app.api("/code")
def code(param):
    raise dora.HandlerError("looks like a status", code=param)

@app.api("/late")
def late(param):
    raise Late("late")

@app.api("/exit")
def leave(param):
    error = SystemExit(3)
    error.http_status = 404
    raise error

@app.api("/large")
def large(param):
    error = ValueError("x" * 8000)
    error.http_status = 418
    raise error

@app.api("/fine")
def fine(param):
    return {"http_status": 404}
"""
PHP = """<?php
class Gone extends Exception implements Dora\\HttpStatus
{
    public function httpStatus(): int { return 410; }
}
class Carried extends Dora\\HandlerException implements Dora\\HttpStatus
{
    public function __construct(private mixed $status) { parent::__construct('carried', 7); }
    public function httpStatus(): int
    {
        return is_int($this->status) ? $this->status : throw new LogicException('none');
    }
}
class Plain extends Exception
{
    public $http_status = 404;
    public function httpStatus(): int { return 404; }
}
$app = new Dora\\App();
$app->api('/gone', fn ($param) => throw new Gone('it was here'));
$app->api('/carried', fn ($param) => throw new Carried($param));
$app->api('/code', fn ($param) => throw new Dora\\HandlerException('looks like a status', $param));
$app->api('/plain', fn ($param) => throw new Plain('no interface'));
return $app;
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("status")
    found = {}
    for language, name, text in (("python", "app.py", PYTHON), ("php", "app.php", PHP)):
        path = folder / name
        path.write_text(text)
        pool = {"runtime": language, "app": str(path), "workers": 1}
        found[language] = Server({"p": pool}, listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"})
    yield found
    for server in found.values():
        server.close()


@pytest.fixture(params=["python", "php"])
def server(request, servers):
    return servers[request.param]


def ask(server, name, param=None, **more):
    with Web(server.http) as web:
        return web.call(name, param, **more)


def code_of(answer):
    return answer[0], answer[1]["error"]["code"]


def test_an_exception_may_carry_a_status(server):
    assert code_of(ask(server, "/gone")) == (410, 100208)
    assert code_of(ask(server, "/carried", 400))[0] == 400
    assert code_of(ask(server, "/carried", 499))[0] == 499


def test_a_code_that_looks_like_a_status_is_none(server):
    for code in (400, 404, 410, 422, 499):
        assert code_of(ask(server, "/code", code)) == (500, code)


@pytest.mark.parametrize("status", [399, 500, 200, 0, -1, 2**40])
def test_a_status_out_of_range_is_ignored_and_said(servers, status):
    for language, server in servers.items():
        assert code_of(ask(server, "/carried", status))[0] == 500, language
        line = "/carried: http_status %d is ignored: it must be 400 to 499" % status
        assert wait_until(lambda: line in server.log()), language


def test_what_is_no_number_is_ignored(servers):
    for status in ("404", True, 404.0, [404]):
        assert code_of(ask(servers["python"], "/carried", status))[0] == 500
    assert code_of(ask(servers["php"], "/carried", "404")) == (500, 7)
    assert code_of(ask(servers["php"], "/plain"))[0] == 500
    assert code_of(ask(servers["python"], "/carried"))[0] == 500
    assert code_of(ask(servers["python"], "/late"))[0] == 500


def test_python_gives_it_by_every_kind_of_handler(servers):
    server = servers["python"]
    assert code_of(ask(server, "/coded")) == (404, 7)
    assert code_of(ask(server, "/async")) == (410, 100208)
    status, body = ask(server, "/large")
    assert status == 418 and len(body["error"]["msg"]) > 7000


def test_a_result_and_a_death_have_none(servers):
    assert ask(servers["python"], "/fine") == (200, {"http_status": 404})
    assert code_of(ask(servers["python"], "/exit")) == (502, 100200)


def test_a_repeat_has_the_status_of_the_first(server):
    guid = v1.guid()
    for attempt in (1, 2, 3):
        answer = ask(server, "/gone", X_Dora_Guid=guid, X_Dora_Attempt=str(attempt))
        assert code_of(answer) == (410, 100208)


def test_frames_stay_as_they_were(server):
    with v1.Conn(server.address) as conn:
        result = conn.call("/gone")["data"]
    assert sorted(result) == ["code", "data", "guid", "msg"]
    assert result["code"] == 100208 and result["data"] == []
