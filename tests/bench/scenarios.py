"""The scenarios: each opens its servers and yields the rows to be measured in rounds.

A scenario is a context manager of one argument, the bench; SCENARIOS lists them with what the table
shows. The bounds are those the project has set itself."""

import contextlib
import tempfile

import measure
import resources
import tools
from bench import NAMES
from support import tls
from support.certificates import Certificates

SCENARIOS = {}
SPEED = ["per_second", "p50_us", "p99_us", "cpu_us", "load_cpu_us"]
CONNECTIONS = [1, 4, 16, 64, 256, 1000, 5000]
WORKERS = [1, 2, 4, 8, 16, 32, 64]
FLAT = 1.25
STREAMS = 8
CLIENT_WINDOW = 64  # what Dora's clients ask for


def scenario(name, title, figures=SPEED, ratios=("per_second", "cpu_us"), floor="echo"):
    """`floor` is what the ratios are to, in a word."""
    def enlist(function):
        SCENARIOS[name] = {"open": contextlib.contextmanager(function), "title": title,
                           "metrics": {"figures": list(figures), "ratios": list(ratios),
                                       "floor": floor}}
        return function
    return enlist


@scenario("single", "W_S, 64 connections, one call each")
def single(bench):
    targets = {"per_second": (">=", 0.75), "cpu_us": ("<=", 1.5)}
    with bench.beside_echo("64x1", targets, connections=64) as rows:
        yield rows


@scenario("tls", "W_S, 64 connections, one call each, plain and over TLS", floor="plain")
def over_tls(bench):
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        made = Certificates(folder)
        server = stack.enter_context(bench.tls_server("c", made))
        address = tls.address_of(server)
        trust = {"connections": 64, "tls_ca": made.ca}
        shown = {"tls_cert": made.cert("client"), "tls_key": made.key("client"), **trust}

        def run(**load):
            return lambda seconds: bench.drive(address, [server.pid], seconds, **load)

        floor = measure.Row("plain", "64x1", bench.run(server, connections=64))
        targets = {"cpu_us": ("<=", 1.6)}
        yield [floor, measure.Row("TLS", "64x1", run(**trust), floor, targets),
               measure.Row("mutual TLS", "64x1", run(**shown), floor, targets)]


@scenario("pipelined", "W_S, 64 connections, 8 calls in flight on each")
def pipelined(bench):
    targets = {"per_second": (">=", 0.25), "cpu_us": ("<=", 4)}
    with bench.beside_echo("64x8", targets, connections=64, depth=8) as rows:
        yield rows


@scenario("one", "W_S, one connection, one call", ratios=("p50_us", "cpu_us"))
def one(bench):
    with bench.beside_echo("1x1", {"p50_us": ("<=", 1.5)}, connections=1) as rows:
        yield rows


@scenario("one-awake", "W_S, one connection, cores kept from halting by idle-priority loops",
          ratios=("p50_us", "cpu_us"))
def one_awake(bench):
    with bench.beside_echo("1x1", {"p50_us": ("<=", 1.5)}, connections=1) as rows:
        with tools.BusyCores():
            yield rows


@scenario("many", "W_M of 10 apis, 16 connections")
def many(bench):
    targets = {"per_second": (">=", 0.15), "cpu_us": ("<=", 6)}
    with bench.beside_echo("16x1", targets, connections=16, apis=10) as rows:
        yield rows


@scenario("client", "what a blocking call costs its caller", ["per_second", "client_cpu_us"],
          ["client_cpu_us"], "bare")
def client(bench):
    """The cores are kept awake: else the figures are those of going to sleep and waking up."""
    program = bench.program("bench_call")
    with bench.server("c") as server, tools.BusyCores():
        def row(who, argv, floor=None, bound=None):
            targets = {"client_cpu_us": ("<=", bound)} if bound else None
            return measure.Row(who, "1x1", lambda seconds: tools.run_json(
                [*argv, str(seconds)], seconds), floor, targets)

        floor = row("bare send and recv", [program, server.address, "bare"])
        rows = [floor, row("C", [program, server.address, "client"], floor, 1.2)]
        if "php" in bench.runtimes:
            module = ["-d", "extension=" + bench.php_module] if bench.php_module else []
            rows.append(row("PHP", [bench.php, "-n", *module, tools.HERE + "/call.php",
                                    server.address], floor, 2))
        if "python" in bench.runtimes:
            rows.append(row("Python", [bench.python, tools.HERE + "/call.py", server.address],
                            floor, 2))
        yield rows


@scenario("streams", "a part of 100 bytes of a generator that does not wait, beside a call",
          floor="call")
def streams(bench):
    """A request is a part there, and a call in the floor. A window of 16 is that of a request which
    does not say. At most as many streams as workers."""
    def run(server, streams, window):
        return lambda seconds: bench.drive(server.address, [server.pid], seconds,
                                           program="bench_parts", connections=streams,
                                           window=window)
    rows = []
    with bench.servers() as servers:
        for runtime, server in servers.items():
            floor = measure.Row("%s, call" % NAMES[runtime], "64x1",
                                bench.run(server, connections=64))
            rows.append(floor)
            for count, window in ((1, 16), (1, CLIENT_WINDOW), (4, CLIENT_WINDOW)):
                targets = {"cpu_us": ("<=", 0.35)} if window == CLIENT_WINDOW else None
                rows.append(measure.Row("%s, part" % NAMES[runtime],
                                        "%d, window %d" % (count, window),
                                        run(server, count, window), floor, targets))
        yield rows


@scenario("beside-streams", "calls beside streams; server CPU is that of the parts, too",
          ["per_second", "p50_us", "p99_us", "cpu_us", "parts_per_second"],
          ["p50_us", "p99_us", "cpu_us"], "without")
def beside_streams(bench):
    """Streams that send a part each 20 ms, as a model's words come, and one that does not wait.
    Each holds a worker: there are so many more."""
    drips = {"program": "bench_parts", "name": "/bench/drips", "connections": STREAMS}
    rush = {"program": "bench_parts", "connections": 1, "window": CLIENT_WINDOW}
    shape = {"connections": 64}
    with contextlib.ExitStack() as stack:
        rows = []
        for runtime in bench.runtimes:
            server = stack.enter_context(bench.server(runtime, STREAMS + 2 * tools.os.cpu_count()))
            floor = measure.Row(NAMES[runtime], "64x1", bench.run(server, **shape))
            rows.append(floor)
            for what, streams in (("%d streams of 50 parts a second" % STREAMS, drips),
                                  ("a stream that does not wait", rush)):
                rows.append(measure.Row(
                    "%s, beside %s" % (NAMES[runtime], what), "64x1",
                    resources.beside(bench, server, shape, streams, "parts_per_second"), floor))
        yield rows


@scenario("hand-over", "Dora's hand-over beside the plain one, which decodes nothing")
def hand_over(bench):
    load = {"name": "/bench/hello", "param": "N;"}
    workers = str(4 if bench.quick else 2 * tools.os.cpu_count())
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(bench.server("c"))
        size = bench.reply_bytes(server.address, **load)
        echo = stack.enter_context(bench.echo(size))
        plain = [stack.enter_context(tools.Tool(bench.program("bench_plain"), workers, ahead))
                 for ahead in ("1", "64")]
        rows = []
        for depth in (1, 8):
            text = "64x%d" % depth
            shape = {"connections": 64, "depth": depth, **load}
            floor = measure.Row("libuv echo", text, bench.run(echo, **shape))
            rows += [floor, measure.Row(NAMES["c"], text, bench.run(server, **shape), floor)]
            rows += [measure.Row("SOCK_SEQPACKET, %s ahead" % ahead, text,
                                 bench.run(tool, **shape), floor)
                     for ahead, tool in zip(("1", "64"), plain)]
        yield rows


@scenario("memory", "an idle server with 10 Python workers", ["pss_mb", "limit_mb", "of_limit"], [])
def memory(bench):
    plain = measure.Row("Python with the application", "", lambda _: resources.plain_python(bench))
    yield [plain, measure.Row("server, 10 workers", "",
                              lambda _: resources.idle_server(bench, plain.rounds[-1]["pss_mb"]),
                              limits={"of_limit": ("<=", 1)})]


@scenario("idle", "busy connections beside idle ones",
          ["per_second", "p99_us", "cpu_us", "connection_bytes"], floor="without")
def idle(bench):
    count = 500 if bench.quick else 10000
    shape = {"connections": 64}
    with bench.server("c") as server, bench.server("c") as crowded:
        with resources.IdleConnections(crowded, count) as crowd:
            floor = measure.Row("Dora, C", "64x1", bench.run(server, **shape))

            def run(seconds):
                found = bench.drive(crowded.address, [crowded.pid], seconds, **shape)
                return {**found, "connection_bytes": crowd.bytes_each}

            yield [floor, measure.Row(
                "Dora, C, and %d idle" % count, "64x1", run, floor,
                {"per_second": (">=", 0.95), "cpu_us": ("<=", 1.05)},
                {"connection_bytes": ("<=", 4096)})]


@scenario("large", "1 MiB in and out", ["mb_per_second", "p50_us", "cpu_us", "load_cpu_us"],
          ["mb_per_second", "cpu_us"])
def large(bench):
    load = {"connections": 4, "name": "/bench/echo", "string_bytes": 1 << 20}

    def with_rate(run):
        def timed(seconds):
            found = run(seconds)
            size = found["request_bytes"] + found["reply_bytes"]
            return {**found, "mb_per_second": found["per_second"] * size / (1 << 20)}
        return timed

    with bench.beside_echo("4x1", {"mb_per_second": (">=", 0.5)}, **load) as rows:
        for row in rows:
            row.run = with_rate(row.run)
        yield rows


@scenario("neighbours", "others' p99 while one connection sends 2 MiB frames at full speed",
          ["per_second", "p50_us", "p99_us", "big_per_second"], ["p99_us"], "without")
def neighbours(bench):
    shape = {"connections": 16}
    big = {"connections": 1, "name": "/bench/size", "string_bytes": (2 << 20) - 1024}
    with contextlib.ExitStack() as stack:
        servers = stack.enter_context(bench.servers())
        size = bench.reply_bytes(next(iter(servers.values())).address)
        servers = {"echo": stack.enter_context(bench.echo(size)), **servers}
        rows = []
        for name, server in servers.items():
            who = NAMES.get(name, "libuv echo")
            floor = measure.Row(who, "16x1", bench.run(server, **shape))
            targets = {"p99_us": ("<=", 3)} if name in NAMES else None
            rows += [floor, measure.Row(who + " beside large frames", "16x1",
                                        resources.beside(bench, server, shape, big), floor,
                                        targets)]
        yield rows


@scenario("connections", "cost over connections",
          ["per_second", "p50_us", "p99_us", "cpu_us", "over_echo", "load_cpu_us"], ["over_echo"],
          "64x1")
def connections(bench):
    """A lone connection costs anybody more, since nothing can be done together: so the cost is
    taken as so many times the echo's with as many connections, and is to be flat beside 64."""
    counts = [1, 64, 256] if bench.quick else CONNECTIONS
    with contextlib.ExitStack() as stack:
        servers = stack.enter_context(bench.servers())
        size = bench.reply_bytes(next(iter(servers.values())).address)
        echo = stack.enter_context(bench.echo(size))
        floors = {count: measure.Row("libuv echo", "%dx1" % count,
                                     bench.run(echo, connections=count)) for count in counts}
        rows = list(floors.values())
        for name, server in servers.items():
            made = {count: measure.Row(NAMES[name], "%dx1" % count, resources.over_echo(
                bench, server, floors[count], connections=count),
                targets={"over_echo": ("<=", FLAT)}) for count in counts}
            for row in made.values():
                row.floor = made[64]
            rows += made.values()
        yield rows


@scenario("workers", "cost over workers", floor="4 workers")
def workers(bench):
    counts = [1, 4] if bench.quick else WORKERS
    with contextlib.ExitStack() as stack:
        rows = {}
        for count in counts:
            server = stack.enter_context(bench.server("c", count))
            rows[count] = measure.Row("Dora, C, %d workers" % count, "64x1",
                                      bench.run(server, connections=64),
                                      targets={"cpu_us": ("<=", FLAT)})
        for row in rows.values():
            row.floor = rows[4]
        yield list(rows.values())


@scenario("open", "closed loop and fixed rate, checked against each other",
          ["per_second", "mean_us", "p50_us", "p99_us", "little", "unsent", "load_cpu_us"],
          ["mean_us", "p50_us"], "closed")
def open_loop(bench):
    """In the closed loop rate x mean time must be what is under way (Little's law), and at half its
    rate the times of a fixed rate must not be longer. Halting cores would spoil the comparison."""
    with bench.servers(["c"]) as servers, tools.BusyCores():
        size = bench.reply_bytes(servers["c"].address)
        with bench.echo(size) as echo:
            rows = []
            for who, server in (("libuv echo", echo), (NAMES["c"], servers["c"])):
                closed = measure.Row(who + ", closed loop", "4x1",
                                     resources.closed_loop(bench, server))
                rows += [closed, measure.Row(who + ", fixed rate", "half of it",
                                             resources.fixed_rate(bench, server, closed), closed)]
            yield rows
