"""dora.App without a server: registering, loading a file, turning options into flags."""

import functools
import gc
import inspect
import json
import sys
import textwrap
import weakref
from pathlib import Path

import pytest

import dora
from dora import _dora, _load, _run, _shape


def test_apis_are_registered():
    app = dora.App()

    @app.api("/a")
    def a(param):
        return param + 1

    @app.api("/b")
    def b(param, request):
        return request

    @app.fallback
    def rest(param, request):
        return None

    assert app.apis == ("/a", "/b")
    assert a(1) == 2, "the function is left as it is"
    assert dora.App().apis == ()


@pytest.mark.parametrize("name", ["", "x" * 256, "/users/*", "é" * 128, "/a\0b"])
def test_names_refused(name):
    with pytest.raises(ValueError):
        dora.App().api(name)


def test_names_at_the_limit():
    app = dora.App()
    app.api("x" * 255)(lambda param: None)
    assert app.apis == ("x" * 255,)
    with pytest.raises(TypeError):
        app.api(5)


def test_repeated_names_are_refused():
    app = dora.App()
    app.api("/a")(lambda param: 1)
    with pytest.raises(ValueError, match="'/a' has a handler already"):
        app.api("/a")(lambda param: 2)
    app.fallback(lambda param: 1)
    with pytest.raises(ValueError, match="fallback already"):
        app.fallback(lambda param: 2)


class Callable:
    def __call__(self, param, request):
        return None

    def method(self, param):
        return None

    async def later(self, param):
        return None


async def later(param):
    return None


@pytest.mark.parametrize(
    "function,expected",
    [
        (lambda param: None, False),
        (lambda param, request: None, True),
        (lambda anything, else_: None, True),
        (lambda param, limit=10: None, False),
        (lambda param, request=None: None, True),
        (lambda *args: None, False),
        (lambda param, *, option=1: None, False),
        (Callable(), True),
        (Callable().method, False),
        (functools.partial(lambda x, param: None, 1), False),
        (Callable().later, False),
        (functools.partial(later), False),
        (len, False),
        (dict, False),
    ],
)
def test_handlers_of_every_shape(function, expected):
    assert _shape.takes_request(function) is expected


async def generator(param):
    yield None


@pytest.mark.parametrize(
    "function,text",
    [
        (5, "must be callable"),
        (lambda: None, r"must take \(param\) or \(param, request\)"),
        (lambda a, b, c: None, "must take"),
        (lambda param, *, needed: None, "keyword-only"),
    ],
)
def test_shapes_refused(function, text):
    app = dora.App()
    with pytest.raises(TypeError, match=text):
        app.api("/a")(function)
    with pytest.raises(TypeError, match=text):
        app.fallback(function)
    assert app.apis == ()


def test_hooks_take_a_worker_or_nothing():
    app = dora.App()
    assert app.worker_start(print) is print
    for hook in (lambda: None, lambda worker: None):
        assert app.worker_start(hook) is hook
        assert app.worker_stop(hook) is hook
    assert _shape.takes_worker(lambda: None) is False
    assert _shape.takes_worker(lambda worker: None) is True
    with pytest.raises(TypeError):
        app.worker_start(lambda a, b: None)
    for hook in (generator, lambda worker: (yield)):
        with pytest.raises(TypeError, match="must not yield"):
            app.worker_stop(hook)
    assert app.worker_stop(later) is later


def test_app_is_collected():
    app = dora.App()
    app.api("/a")(lambda param, app=app: app)
    decorator = app.api("/b")

    class Watch:
        pass

    watch = Watch()
    gone = weakref.ref(watch)
    app.worker_start(lambda watch=watch: None)
    del app, decorator, watch
    gc.collect()
    assert gone() is None


def load(tmp_path, source, name="my_app.py"):
    file = tmp_path / name
    file.write_text(textwrap.dedent(source))
    path = list(sys.path)
    try:
        return _load.load(str(file), None)
    finally:
        sys.path[:] = path
        sys.modules.pop(file.stem, None)
        sys.modules.pop("__dora_app__", None)


def test_load_the_one_named_app(tmp_path):
    app = load(
        tmp_path,
        """
        import dora
        other = dora.App()
        app = dora.App()
        app.api("/named")(lambda param: None)
        """,
    )
    assert app.apis == ("/named",)


def test_load_the_only_one(tmp_path):
    app = load(
        tmp_path,
        """
        import dora
        service = dora.App()
        alias = service
        service.api("/only")(lambda param: None)
        if __name__ == "__main__":
            raise SystemExit("not the program")
        """,
    )
    assert app.apis == ("/only",)


def test_load_with_run_at_the_end(tmp_path):
    app = load(
        tmp_path,
        """
        import dora
        one, two = dora.App(), dora.App()
        two.api("/two")(lambda param: None)
        two.run(port=0)
        raise RuntimeError("never reached")
        """,
    )
    assert app.apis == ("/two",)


def test_load_finds_neighbours(tmp_path):
    (tmp_path / "neighbour_of_app.py").write_text("NAME = '/from/neighbour'\n")
    app = load(
        tmp_path,
        """
        import dora, neighbour_of_app
        app = dora.App()
        app.api(neighbour_of_app.NAME)(lambda param: None)
        """,
    )
    assert app.apis == ("/from/neighbour",)
    sys.modules.pop("neighbour_of_app")


def test_load_odd_file_name(tmp_path):
    assert load(tmp_path, "import dora\napp = dora.App()\n", "my-app 2.py").apis == ()


@pytest.mark.parametrize(
    "source,error,text",
    [
        ("x = 1", LookupError, "has no dora.App"),
        ("import dora\na = dora.App()\nb = dora.App()", LookupError, r"several dora.App \(a, b\)"),
        ("1 / 0", ZeroDivisionError, "division"),
        ("def broken(:", SyntaxError, "syntax|was never closed"),
        ("import sys; sys.exit(3)", RuntimeError, r"exit\(3\) while loading"),
        ("import dora\ndora.App().run(colour=1)", TypeError, "no option 'colour'"),
    ],
)
def test_load_refused(tmp_path, source, error, text):
    with pytest.raises(error, match=text):
        load(tmp_path, source)


def test_load_attribute(tmp_path, monkeypatch):
    package = tmp_path / "shop_for_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "users.py").write_text(
        "import dora\n"
        "class Holder: inner = dora.App()\n"
        "app = dora.App()\n"
        "app.api('/x')(lambda param: None)\n"
        "nothing = 5\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert _load.load("shop_for_test.users:app", None).apis == ("/x",)
    assert _load.load("shop_for_test.users:Holder.inner", None).apis == ()
    with pytest.raises(ImportError, match="no attribute 'missing'"):
        _load.load("shop_for_test.users:missing", None)
    with pytest.raises(TypeError, match="no dora.App but int"):
        _load.load("shop_for_test.users:nothing", None)
    with pytest.raises(ImportError):
        _load.load("shop_for_test.missing:app", None)
    with pytest.raises(ImportError, match="module:attr"):
        _load.load("shop_for_test", None)


def test_run_options():
    assert _run.arguments({}) == []
    assert _run.arguments({"port": 0, "host": "127.0.0.1", "config": None}) == [
        "--port=0",
        "--host=127.0.0.1",
    ]
    assert _run.arguments({"redis": ["a:1", "b:2"]}) == ["--redis=a:1", "--redis=b:2"]
    assert _run.arguments({"port": 0, "backlog": 5}) == ["--port=0"]
    assert _run.settings({"port": 0, "config": None}) is None
    assert json.loads(_run.settings({"backlog": 5, "pid_file": Path("/run/pid")})) == {
        "backlog": 5, "pid_file": "/run/pid"}
    for options in ({"colour": 1}, {"pid_file": b"/run/pid"}, {"port": True}, {"port": 1.5},
                    {"host": ["a"]}):
        with pytest.raises(TypeError):
            _run.arguments(options)
    with pytest.raises(TypeError):
        dora.App().run(9567)


def test_not_a_zygote():
    assert _dora.is_zygote() is False
    with pytest.raises(TypeError):
        _dora.zygote(5)


def test_every_public_name_says_what_it_is():
    for name in dora.__all__:
        if name != "__version__":
            thing = getattr(dora, name)
            assert thing.__doc__ and thing.__module__ == "dora", name
    for method in ("api", "fallback", "worker_start", "worker_stop", "run"):
        assert getattr(dora.App, method).__doc__ and getattr(dora.App, method).__text_signature__
    signature = str(inspect.signature(dora.Client.call))
    assert signature == ("(self, /, name, param=None, *, timeout=None, retry=None, wait=None, "
                         "group=None, trace=None, priority=None)")
