"""The servers that others.py sets beside Dora: what they need, how they are started.

Each class has `packages` of Debian, `load` for the load generator, and `start()`, which begins its
processes by `self.spawn`. Their files stand in a temporary folder, their ports are their own."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import tools
from support import ports

FOLDER = os.path.join(tools.HERE, "others")
REPLY_BYTES = 170
START_S = 20


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def build(*argv, cwd=None):
    done = subprocess.run(argv, capture_output=True, text=True, cwd=cwd, timeout=300)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (argv[0], done.stderr[-2000:]))
    return done.stdout.split()


class Other:
    """`with Redis(workers) as server`: its `address`, and `pids` of what was started. With
    `certificates` (tests/support/certificates.py) it speaks TLS, where it can."""

    packages = ()
    depths = (1,)
    load = {}

    def __init__(self, workers, certificates=None):
        self.workers = workers
        self.certificates = certificates
        self.processes = []
        self.port = 0
        self.folder = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def spawn(self, *argv, **more):
        with open(self.path("log"), "ab") as log:
            self.processes.append(subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more))

    def __enter__(self):
        # nginx' workers are another user: they have to reach the sockets.
        self.folder = tempfile.mkdtemp(prefix="dora-others-")
        os.chmod(self.folder, 0o755)
        try:
            self.port = ports.take()
            self.start()
            end = time.monotonic() + START_S
            while not can_connect(self.port):
                if time.monotonic() > end or any(each.poll() is not None
                                                 for each in self.processes):
                    with open(self.path("log")) as file:
                        raise RuntimeError("did not start: " + file.read()[-2000:])
                time.sleep(0.02)
        except BaseException:
            self.__exit__()
            raise
        self.address = "127.0.0.1:%d" % self.port
        self.pids = [each.pid for each in self.processes]
        return self

    def __exit__(self, *_):
        for each in self.processes:
            if each.poll() is None:
                each.send_signal(self.end_signal)
        for each in self.processes:
            try:
                each.wait(10)
            except subprocess.TimeoutExpired:
                for pid in reversed(tools.family([each.pid])):
                    os.kill(pid, signal.SIGKILL)
                each.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    end_signal = signal.SIGTERM


class Redis(Other):
    name = "redis, PING of as many bytes"
    packages = ("redis-server",)
    depths = (1, 8)
    load = {"protocol": "redis"}

    def start(self):
        self.spawn("redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                   "--appendonly", "no", "--dir", self.folder)


class GrpcC(Other):
    name = "gRPC, C++"
    packages = ("g++", "pkg-config", "libgrpc++-dev", "libprotobuf-dev", "protobuf-compiler",
                "protobuf-compiler-grpc")
    depths = (1, 8)
    load = {"protocol": "grpc", "name": "/bench.Bench/Get"}

    def start(self):
        plugin = shutil.which("grpc_cpp_plugin")
        build("protoc", "--plugin=protoc-gen-grpc=" + plugin, "-I", FOLDER, "--cpp_out=.",
              "--grpc_out=.", "bench.proto", cwd=self.folder)
        flags = build("pkg-config", "--cflags", "--libs", "grpc++", "protobuf")
        build("g++", "-O2", "-I.", os.path.join(FOLDER, "grpc_server.cc"), "bench.pb.cc",
              "bench.grpc.pb.cc", "-o", "server", *flags, cwd=self.folder)
        keys = self.certificates
        self.spawn(self.path("server"), str(self.port), str(REPLY_BYTES),
                   *([keys.cert("server"), keys.key("server")] if keys else []))


class GrpcPython(Other):
    name = "gRPC, Python"
    packages = ("python3-grpcio", "python3-protobuf", "protobuf-compiler")
    depths = (1, 8)
    load = GrpcC.load

    def start(self):
        build("protoc", "-I", FOLDER, "--python_out=" + self.folder, "bench.proto")
        self.spawn("/usr/bin/python3", os.path.join(FOLDER, "grpc_server.py"), self.folder,
                   str(self.port), str(REPLY_BYTES))


class Nginx(Other):
    """nginx before something that listens on the Unix socket `socket` in the folder."""

    load = {"protocol": "http", "name": "/bench"}
    passing = ""
    ssl = ""
    has_socket = True

    def start(self):
        self.start_behind()
        config = self.write("nginx.conf", """
            pid nginx.pid;
            error_log stderr;
            worker_processes auto;
            events { worker_connections 8192; }
            http {
                access_log off;
                client_body_temp_path body;
                proxy_temp_path proxy;
                fastcgi_temp_path fastcgi;
                uwsgi_temp_path uwsgi;
                scgi_temp_path scgi;
                keepalive_requests 1000000000;
                server { listen 127.0.0.1:%d backlog=8192%s location / { %s } }
            }""" % (self.port, self.ssl or ";", self.passing % {"folder": self.folder}))
        self.spawn(shutil.which("nginx") or "/usr/sbin/nginx", "-p", self.folder, "-c", config,
                   "-g", "daemon off;")
        end = time.monotonic() + START_S
        while (self.has_socket and not os.path.exists(self.path("socket")) and
               time.monotonic() < end):
            time.sleep(0.02)


class NginxAlone(Nginx):
    """One that answers by itself."""

    name = "nginx alone"
    packages = ("nginx-light",)
    passing = "return 200 %s;" % ("x" * REPLY_BYTES)
    has_socket = False

    def start_behind(self):
        keys = self.certificates
        if keys:
            self.ssl = " ssl; ssl_certificate %s; ssl_certificate_key %s;" % (
                keys.cert("server"), keys.key("server"))


class Uwsgi(Nginx):
    name = "nginx + uWSGI, Python"
    packages = ("nginx-light", "uwsgi-core", "uwsgi-plugin-python3")
    passing = """
        uwsgi_pass unix:%(folder)s/socket;
        uwsgi_param REQUEST_METHOD $request_method;
        uwsgi_param CONTENT_LENGTH $content_length;
        uwsgi_param PATH_INFO $uri;
        uwsgi_param SERVER_NAME bench;
        uwsgi_param SERVER_PORT 80;
        uwsgi_param SERVER_PROTOCOL $server_protocol;"""
    end_signal = signal.SIGINT

    def start_behind(self):
        with open("/proc/sys/net/core/somaxconn") as file:
            backlog = min(1024, int(file.read()))
        self.spawn("uwsgi", "--plugin", "python3", "--socket", self.path("socket"),
                   "--chmod-socket=666", "--master", "--processes", str(self.workers),
                   "--listen", str(backlog), "--disable-logging", "--die-on-term",
                   "--wsgi-file", os.path.join(FOLDER, "wsgi.py"),
                   env={**os.environ, "BENCH_REPLY_BYTES": str(REPLY_BYTES)})


class Fpm(Nginx):
    name = "nginx + php-fpm"
    packages = ("nginx-light", "php-fpm")
    passing = """
        fastcgi_pass unix:%(folder)s/socket;
        fastcgi_param SCRIPT_FILENAME %(folder)s/page.php;
        fastcgi_param REQUEST_METHOD $request_method;
        fastcgi_param CONTENT_LENGTH $content_length;
        fastcgi_param SERVER_PROTOCOL $server_protocol;
        fastcgi_param BENCH_REPLY_BYTES """ + "%d;" % REPLY_BYTES

    def start_behind(self):
        shutil.copy(os.path.join(FOLDER, "page.php"), self.folder)
        config = self.write("fpm.conf", """
[global]
error_log = %(folder)s/fpm.log
[bench]
listen = %(folder)s/socket
listen.mode = 0666
listen.backlog = 4096
pm = static
pm.max_children = %(workers)d
""" % {"folder": self.folder, "workers": self.workers})
        self.spawn(fpm_program(), "-R", "-F", "-y", config)


def fpm_program():
    for folder in ("/usr/sbin", "/usr/local/sbin"):
        for name in sorted(os.listdir(folder), reverse=True):
            if name.startswith("php-fpm"):
                return os.path.join(folder, name)
    raise RuntimeError("there is no php-fpm")


class Gearman(Other):
    name = "Gearman, C worker"
    packages = ("gcc", "gearman-job-server", "libgearman-dev")
    load = {"protocol": "gearman", "name": "get"}

    def start(self):
        build("gcc", "-O2", os.path.join(FOLDER, "gearman_worker.c"), "-o", self.path("worker"),
              "-lgearman")
        self.spawn(shutil.which("gearmand") or "/usr/sbin/gearmand", "--listen=127.0.0.1",
                   "--port=%d" % self.port, "--log-file=stderr")
        end = time.monotonic() + START_S
        while not can_connect(self.port) and time.monotonic() < end:
            time.sleep(0.02)
        for _ in range(self.workers):
            self.spawn(self.path("worker"), str(self.port), "get", str(REPLY_BYTES))


OTHERS = {"redis": Redis, "grpc-c": GrpcC, "grpc-python": GrpcPython, "uwsgi": Uwsgi, "fpm": Fpm,
          "gearman": Gearman, "nginx": NginxAlone}
OVER_TLS = ("grpc-c", "nginx")  # those that are set beside Dora over TLS, too
