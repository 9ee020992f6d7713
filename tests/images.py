#!/usr/bin/env python3
"""The Dockerfiles of examples/deploy without docker: each RUN line is run, each COPY copied, in
folders that begin as copies of a bare Debian; then each image's CMD runs as process 1, as its USER,
below a root that is only read, and is asked, and stopped. For a person to start, as root; no part
of tests/run.sh. tests/systems.sh TRIXIE -- images makes the bare Debian and starts this.

    tests/images.py BASE WORK        BASE: a folder that debootstrap has made, WORK: for the images
"""

import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from support import dockerfile, fastcgi  # noqa: E402

ROOT = os.path.dirname(HERE)
DEPLOY = os.path.join(ROOT, "examples", "deploy")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
START_S = 30
STOP_S = 10  # what `docker stop` waits
LENT = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")

# $1: the root; $2: ro, or rw while it is built; the rest is a command.
ENTER = r"""
set -e
root=$1 mode=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
[ "$mode" = rw ] || { mount -t tmpfs tmpfs "$root/tmp"; mount -o remount,bind,ro "$root"; }
exec "$@"
"""


class Image:
    """One stage, in a folder of its own."""

    def __init__(self, folder, stage):
        self.folder = folder
        self.environment = {"PATH": PATH}
        self.workdir = "/"
        self.user = stage.said.get("USER", "root")
        self.stage = stage

    def command(self, words, mode, user="root", **environment):
        """The command that runs `words` in there as process 1."""
        settings = ["%s=%s" % pair for pair in {**self.environment, **environment}.items()]
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh",
                self.folder, mode, "chroot", "--userspec=" + user, self.folder,
                "/usr/bin/env", "-i", *settings, *words]

    def run(self, text):
        """RUN: by a shell, in WORKDIR."""
        words = ["sh", "-c", 'cd "$1" && eval "$2"', "sh", self.workdir, text]
        subprocess.run(self.command(words, "rw", DEBIAN_FRONTEND="noninteractive", HOME="/root"),
                       check=True, stdin=subprocess.DEVNULL)

    def copy(self, text, images):
        """COPY: from the context, or from an earlier stage."""
        stage, sources, to = dockerfile.copied(text)
        target = self.folder + os.path.join(self.workdir, to)
        if sources == ["."]:
            for path in dockerfile.context(ROOT):
                os.makedirs(os.path.dirname(os.path.join(target, path)), exist_ok=True)
                shutil.copy2(os.path.join(ROOT, path), os.path.join(target, path))
            return
        for source in sources:
            whole = (images[stage].folder + source) if stage else os.path.join(ROOT, source)
            if os.path.isdir(whole):
                os.makedirs(target, exist_ok=True)
                subprocess.run(["cp", "-a", whole.rstrip("/") + "/.", target + "/"], check=True)
            else:
                into = os.path.join(target, os.path.basename(source)) if to[-1] == "/" else target
                os.makedirs(os.path.dirname(into), exist_ok=True)
                shutil.copy(whole, into)


def build(path, base, work):
    """The image of the last stage."""
    images = {}
    name = os.path.basename(path).removesuffix(".Dockerfile")
    for number, stage in enumerate(dockerfile.stages(path)):
        folder = os.path.join(work, "%s-%d" % (name, number))
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["cp", "-a", base, folder], check=True)
        for file in LENT:
            if os.path.exists(file):
                os.makedirs(os.path.dirname(folder + file), exist_ok=True)
                shutil.copy(file, folder + file)
        image = images[stage.name] = Image(folder, stage)
        for kind, text in stage.steps:
            print("images: %s: %s %s" % (name, kind, text), flush=True)
            if kind == "RUN":
                image.run(text)
            elif kind == "COPY":
                image.copy(text, images)
            elif kind == "ENV":
                image.environment.update(dockerfile.environment(text, image.environment))
            elif kind == "WORKDIR":
                image.workdir = text
                os.makedirs(folder + text, exist_ok=True)
    return image


def own_network():
    """From here on this process and its children have a network of their own."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 1))


class Running:
    """An image's CMD as process 1, once HEALTHCHECK says that it is well."""

    def __init__(self, image):
        self.image = image
        self.process = subprocess.Popen(image.command(image.stage.words("CMD"), "ro", image.user))
        try:
            self._await()
        except BaseException:
            self.kill()
            raise

    def _await(self):
        end = time.monotonic() + START_S
        while not self._is_healthy():
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("the image of %s is not well" % self.image.folder)
            time.sleep(0.2)  # between two checks, as docker waits

    def _first(self):
        """The id out here of its process 1; None before there is one."""
        with open("/proc/{0}/task/{0}/children".format(self.process.pid)) as file:
            children = file.read().split()
        return children[0] if children else None

    def _is_healthy(self):
        first = self._first()
        words = ["nsenter", "--mount", "--pid", "--target", str(first), "chroot",
                 "--userspec=" + self.image.user, self.image.folder, "/usr/bin/env", "-i",
                 "PATH=" + self.image.environment["PATH"], *self.image.stage.words("HEALTHCHECK")]
        return first is not None and subprocess.run(words).returncode == 0

    def stop(self):
        os.kill(int(self._first()), getattr(signal, self.image.stage.said["STOPSIGNAL"]))
        status = self.process.wait(STOP_S)
        if status != 0:
            raise RuntimeError("%s ended with status %d" % (self.image.folder, status))

    def kill(self):
        """Process 1, and all in there with it. (Who changes its user outlives unshare.)"""
        if self.process.poll() is None and self._first():
            os.kill(int(self._first()), signal.SIGKILL)
        self.process.kill()
        self.process.wait()


def main():
    base, work = sys.argv[1], os.path.abspath(sys.argv[2])
    os.makedirs(work, exist_ok=True)
    server = build(os.path.join(DEPLOY, "server.Dockerfile"), base, work)
    pages = build(os.path.join(DEPLOY, "php-fpm.Dockerfile"), base, work)
    own_network()
    running = []
    try:
        for image in (server, pages):
            running.append(Running(image))
        with socket.create_connection(("127.0.0.1", 9000), 10) as conn:
            answer = fastcgi.page(conn, "/srv/shop/public/health.php")
        print(answer)
        if not json.loads(answer)["ok"]:
            raise RuntimeError("the page does not find the services")
        for one in running:
            one.stop()
    finally:
        for one in running:
            one.kill()
    print("%d passed, 0 failed" % len(running))


if __name__ == "__main__":
    main()
