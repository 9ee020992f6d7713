"""The files of examples/deploy: each program accepts its own, and they agree with each other."""

import configparser
import json
import os
import re
import shutil
import subprocess

import pytest
from support import dockerfile
from support.server import ROOT, program

DEPLOY = os.path.join(ROOT, "examples", "deploy")
SITE = os.path.join(ROOT, "examples", "site")
UNITS = ("dora.service", "dora-monitor.service")
IMAGES = ("server.Dockerfile", "php-fpm.Dockerfile")
DOCKER_STOP_MS = 10000


def text_of(name):
    with open(os.path.join(DEPLOY, name)) as file:
        return file.read()


def copy_of(name, folder, **other):
    """A copy in `folder` with other words in places that name what this machine lacks."""
    text = text_of(name)
    for old, new in other.items():
        assert old in text, old
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text)
    return str(path)


def unit(name):
    """[section][key] -> list of values: keys may stand several times."""
    found = {}
    text = re.sub(r"\\\n\s*", "", text_of(name))
    for line in text.splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, value = line.split("=", 1)
            section.setdefault(key, []).append(value)
    return found


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def sbin(name):
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")


def php_version():
    return run("php", "-r", 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')[1]


@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_the_unit(name, tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed")
    path = copy_of(name, tmp_path, **{"/usr/local/bin/dora": program()})
    assert run("systemd-analyze", "verify", path) == (0, "")


@pytest.mark.parametrize("name", UNITS)
def test_units_are_of_one_kind(name):
    service = unit(name)["Service"]
    assert service["Type"] == ["notify"] and "WatchdogSec" in service
    assert service["NoNewPrivileges"] == ["yes"] and service["ProtectSystem"] == ["strict"]
    assert "AF_UNIX" in service["RestrictAddressFamilies"][0]
    assert service["User"] == ["dora"] and "u dora " in text_of("dora.sysusers.conf")


@pytest.mark.parametrize("name", UNITS)
def test_units_use_options_that_there_are(name):
    for key in ("ExecStart", "ExecReload"):
        for line in unit(name)["Service"].get(key, []):
            words = line.split()
            assert words[0] == "/usr/local/bin/dora"
            status, said = run(program(), "help", words[1])
            assert status == 0
            for word in words[2:]:
                assert not word.startswith("--") or word + " " in said, word


def test_server_stops_and_reloads_as_it_wants_to():
    service = unit("dora.service")["Service"]
    assert service["KillMode"] == ["mixed"] and service["OOMPolicy"] == ["continue"]
    listen = json.loads(text_of("dora.json"))["listen"]["unix"]
    assert service["ExecReload"][0].endswith(" unix:" + listen)
    assert os.path.dirname(listen) == "/run/" + service["RuntimeDirectory"][0]
    # PHP's and Python's compilers want it.
    assert "MemoryDenyWriteExecute" not in service


def test_dora_accepts_its_configuration(tmp_path):
    path = copy_of("dora.json", tmp_path, **{"/srv/shop": SITE})
    status, said = run(program(), "check", path)
    assert status == 0, said
    assert "catalogue: 8 php" in said and "reviews: 8 python" in said


def test_nginx_accepts_its_site(tmp_path):
    site = copy_of("nginx-site.conf", tmp_path, **{
        "listen 80;": "listen unix:%s/4;" % tmp_path,
        "listen [::]:80;": "listen unix:%s/6;" % tmp_path})
    main = tmp_path / "nginx.conf"
    main.write_text("pid %s/pid;\nevents {}\nhttp {\n access_log off;\n include %s;\n}\n" %
                    (tmp_path, site))
    status, said = run(sbin("nginx"), "-t", "-q", "-e", str(tmp_path / "log"), "-c", str(main))
    assert status == 0 and "[emerg]" not in said, said


def test_fpm_accepts_its_pool(tmp_path):
    main = tmp_path / "php-fpm.conf"
    main.write_text("[global]\nerror_log = %s/log\ninclude = %s/php-fpm-pool.conf\n" %
                    (tmp_path, DEPLOY))
    status, said = run(sbin("php-fpm" + php_version()), "-t", "-d",
                       "extension=" + os.environ["DORA_PHP_EXTENSION"], "--fpm-config", str(main))
    said += (tmp_path / "log").read_text()
    assert status == 0 and "test is successful" in said and "WARNING" not in said, said


def test_php_accepts_the_ini_file(tmp_path):
    copy_of("php-dora.ini", tmp_path,
            **{"extension = dora": "extension = " + os.environ["DORA_PHP_EXTENSION"]})
    show = 'foreach (["timeout", "sign", "gzip"] as $each) echo ini_get("dora.$each"), "\\n";'
    status, said = run("php", "-n", "-c", str(tmp_path / "php-dora.ini"), "-r", show)
    assert (status, said) == (0, "3.0\n0\n0\n")


def test_the_site_reads_what_the_monitor_writes():
    pool = configparser.ConfigParser(interpolation=None)
    pool.read_string(text_of("php-fpm-pool.conf"))
    nodes = pool["shop"]["env[DORA_NODES]"]
    service = unit("dora-monitor.service")["Service"]
    assert "--out " + nodes.removeprefix("file:") + " " in service["ExecStart"][0]
    assert os.path.dirname(nodes) == "file:/var/lib/" + service["StateDirectory"][0]
    assert "fastcgi_pass unix:%s;" % pool["shop"]["listen"] in text_of("nginx-site.conf")


# The Dockerfiles; tests/images.py runs each of their lines, on a machine of its own.

def image(name):
    """The stage that becomes the image."""
    return dockerfile.stages(os.path.join(DEPLOY, name))[-1]


def copies(stage):
    """{where: the source in the repository} of the files that a stage takes from the context."""
    found = {}
    for kind, text in stage.steps:
        inner, sources, to = dockerfile.copied(text) if kind == "COPY" else (None, [], "")
        for source in sources if inner is None else []:
            found[to + os.path.basename(source) if to.endswith("/") else to] = source
    return found


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_built_from_what_there_is(name):
    """In the repository, by names of packages and stages that there are."""
    stages = dockerfile.stages(os.path.join(DEPLOY, name))
    context = set(dockerfile.context(ROOT))
    listed = run("bash", "-c", "dora_root=%s; . %s/tests/lib.sh; echo ${dora_packages_build[@]}" %
                 (ROOT, ROOT))[1].split()
    installed = [dockerfile.packages(text) for stage in stages for kind, text in stage.steps
                 if kind == "RUN"]
    assert set(installed[0]) <= set(listed), "what a build wants stands in tests/lib.sh"
    assert not any(package.endswith("-dev") for package in sum(installed[1:], []))
    for stage in stages:
        for source in copies(stage).values():
            assert source == "." or source in context or any(
                path.startswith(source + "/") for path in context), source
    named = [dockerfile.copied(text)[0] for kind, text in stages[-1].steps if kind == "COPY"]
    assert set(named) <= {None} | {stage.name for stage in stages}
    assert "core/sources.txt" in context
    assert not any(path.startswith((".git/", "out/")) for path in context)


@pytest.mark.parametrize("name", IMAGES)
def test_packages_of_an_image_are_its_release(name):
    release = dict(line.split("=", 1) for line in open("/etc/os-release") if "=" in line)
    stages = dockerfile.stages(os.path.join(DEPLOY, name))
    if stages[0].base != "debian:%s-slim" % release.get("VERSION_CODENAME", "").strip():
        pytest.skip("this machine is not of the images' release")
    known = set(run("apt-cache", "pkgnames")[1].split())
    for stage in stages:
        for kind, text in stage.steps:
            assert kind != "RUN" or set(dockerfile.packages(text)) <= known


def test_the_image_of_a_server_does_what_it_says(tmp_path):
    stage = image("server.Dockerfile")
    command, health = stage.words("CMD"), stage.words("HEALTHCHECK")
    assert command[:3] == ["dora", "serve", "--config"] and len(command) == 4
    assert copies(stage)[command[3]] == "examples/deploy/container.json"
    path = copy_of("container.json", tmp_path, **{"/srv/shop": SITE})
    status, said = run(program(), "check", path)
    assert status == 0, said
    config = json.loads(text_of("container.json"))
    for pool in config["pools"].values():
        assert copies(stage)[pool["app"]].startswith("examples/site/")
    assert config["listen"]["tcp"] == "0.0.0.0:" + stage.said["EXPOSE"]
    assert config["log"]["file"] == "/dev/stdout"
    assert config["stop_timeout_ms"] < DOCKER_STOP_MS
    assert int(stage.said["USER"].split(":")[0]) > 0 and stage.said["STOPSIGNAL"] == "SIGTERM"
    assert health[:2] == ["dora", "stat"] and health[2] + " " in run(program(), "help", "stat")[1]


def test_the_image_of_pages_does_what_it_says(tmp_path):
    stage = image("php-fpm.Dockerfile")
    assert copies(stage)[stage.words("CMD")[-1]] == "examples/deploy/container-fpm.conf"
    assert stage.said["USER"] == "www-data" and stage.said["STOPSIGNAL"] == "SIGQUIT"
    pool = configparser.ConfigParser(interpolation=None)
    pool.read_string(text_of("container-fpm.conf"))
    assert pool["shop"]["listen"] == stage.said["EXPOSE"]
    assert "127.0.0.1', %s" % stage.said["EXPOSE"] in stage.words("HEALTHCHECK")[-1]
    assert int(pool["global"]["process_control_timeout"].rstrip("s")) * 1000 < DOCKER_STOP_MS
    path = copy_of("container-fpm.conf", tmp_path, **{
        "listen = 9000": "listen = %s/9000" % tmp_path})
    status, said = run(sbin("php-fpm" + php_version()), "-t", "-R", "-O", "-d",
                       "extension=" + os.environ["DORA_PHP_EXTENSION"], "--fpm-config", path)
    assert status == 0 and "test is successful" in said, said
