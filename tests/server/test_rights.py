"""As whom zygotes, workers and the master run, what they may, and what is said where that cannot
be."""

import os
import signal
import subprocess

import pytest

from support import processes, v1
from support.reload import is_alone, reload_wait, titles
from support.rights import dora, folder_for, needs_root, pool, refused, serve, uid, write
from support.server import Server, program, wait_until

NO_RIGHTS = ["0" * 16]
KEPT = "00000000000000e0"  # CAP_KILL, CAP_SETGID, CAP_SETUID
WEB, OTHER, MASTER = "www-data", "nobody", "daemon"
CURRENT = str(os.geteuid())


def ask(server, name, param=None):
    with v1.Conn(server.address) as conn:
        return conn.call(name, param)["data"]


def value(server, name, param=None):
    reply = ask(server, name, param)
    assert reply["code"] == 0, reply
    return reply["data"]


def status(pid, key, thread=None):
    with open("/proc/%d/task/%d/status" % (pid, thread or pid)) as file:
        return next(line.split(":\t")[1].strip() for line in file if line.startswith(key + ":"))


def four(user):
    return "\t".join([str(uid(user))] * 4)


def zygote_of(server, name):
    return next(pid for pid in processes.descendants(server.pid)
                if processes.title(pid) == "dora: zygote " + name)


def workers_of(server, name):
    return list(server.workers(name).values())


@pytest.fixture
def folder():
    with folder_for(MASTER) as path:
        yield path


@needs_root
def test_a_worker_has_the_user_of_its_pool_and_no_rights(folder):
    pools = {"a": pool(), "b": pool(user=OTHER, umask="0077", core_mb_max=0, apis=["/b/*"])}
    with serve(folder, pools, user=WEB, umask="0027") as server:
        found = value(server, "/who")
        assert found["uids"] == found["gids"] == four(WEB)
        assert found["groups"] == [uid(WEB)]
        assert found["umask"] == "0027"
        assert found["caps"] == NO_RIGHTS
        assert found["no_new_privs"] == "1"
        assert found["env"] == {"HOME": "/var/www", "USER": WEB, "LOGNAME": WEB}
        for name, user in (("a", WEB), ("b", OTHER)):
            for pid in [zygote_of(server, name), *workers_of(server, name)]:
                assert status(pid, "Uid") == four(user)
                assert status(pid, "CapBnd") == NO_RIGHTS[0]
        with v1.Conn(server.address) as conn:
            told = conn.command("getStat")["data"]["server"]["pools"]
        assert {name: told[name]["user"] for name in pools} == {"a": WEB, "b": OTHER}
        worker, = workers_of(server, "b")
        with open("/proc/%d/limits" % worker) as file:
            assert file.read().split("Max core file size")[1].split()[:2] == ["0", "0"]
        assert status(worker, "Umask") == "0077"
        assert server.stop() == 0


@needs_root
def test_a_group_is_that_of_its_own_level(folder):
    pools = {"a": pool(), "b": pool(user=OTHER, apis=["/b/*"]),
             "c": pool(group="games", apis=["/c/*"]), "d": pool(user=7, group=12, apis=["/d/*"])}
    with serve(folder, pools, user=WEB, group="mail") as server:
        gids = {name: status(workers_of(server, name)[0], "Gid").split("\t")[0] for name in pools}
        assert gids == {"a": "8", "b": "65534", "c": "60", "d": "12"}
        assert status(workers_of(server, "d")[0], "Uid").split("\t")[0] == "7"
        assert server.stop() == 0


@needs_root
def test_programs_of_setuid_gain_nothing_unless_the_pool_says_so(folder):
    shutil_id = os.path.join(folder, "id")
    subprocess.run(["cp", "/usr/bin/id", shutil_id], check=True)
    os.chown(shutil_id, 0, 0)
    os.chmod(shutil_id, 0o4755)
    pools = {"a": pool(apis=["/run"])}
    for choice, seen in ((True, uid(WEB)), (None, uid(WEB)), (False, 0)):
        with serve(folder, pools, user=WEB, no_new_privs=choice) as server:
            assert value(server, "/run", [shutil_id, "-u"]) == "%d\n" % seen
            assert server.stop() == 0


@needs_root
def test_a_worker_can_harm_neither_the_master_nor_another_pool(folder):
    pools = {"a": pool(), "b": pool(user=OTHER, apis=["/b/*"]),
             "same": pool(apis=["/same/*"])}
    with serve(folder, pools, user=WEB, master_user=MASTER) as server:
        for when in ("at first", "after a reload"):
            others = [server.pid, zygote_of(server, "b"), *workers_of(server, "b")]
            for pid in others:
                found = value(server, "/try", pid)
                assert set(found.values()) == {"PermissionError"}, (when, pid, found)
            mate, = workers_of(server, "same")  # else the attempts could not succeed anywhere
            assert set(value(server, "/try", mate).values()) == {None}
            assert reload_wait(server)["code"] == 0
            assert wait_until(lambda: all(is_alone(server, name, 1) for name in pools)), \
                titles(server)
        assert server.stop() == 0


@needs_root
def test_a_pool_cannot_read_what_another_one_can(folder):
    for name, user in (("a.py", WEB), ("b.py", OTHER)):
        path = os.path.join(folder, name)
        subprocess.run(["cp", pool()["app"], path], check=True)
        os.chown(path, uid(user), -1)
        os.chmod(path, 0o600)
    pools = {"a": pool(os.path.join(folder, "a.py"), apis=["/read"]),
             "b": pool(os.path.join(folder, "b.py"), user=OTHER, apis=["/who"])}
    with serve(folder, pools, user=WEB) as server:
        assert value(server, "/who")["uids"] == four(OTHER)
        assert "dora.App" in value(server, "/read", os.path.join(folder, "a.py"))
        assert ask(server, "/read", os.path.join(folder, "b.py"))["code"] != 0
        assert server.stop() == 0


def leave(server, way):
    """Ends it, and everybody with it."""
    family = server.everyone()
    if way == "killed":
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait(10)
    else:
        assert server.stop() == 0
    assert wait_until(lambda: not any(processes.is_alive(pid) for pid in family))


@needs_root
@pytest.mark.parametrize("way", ["stopped", "killed"])
@pytest.mark.parametrize("moment", ["first", "reloaded", "worker_died", "zygote_died"])
def test_everybody_ends_with_a_master_that_has_a_user_of_its_own(folder, way, moment):
    with serve(folder, {"a": pool()}, user=WEB, master_user=MASTER) as server:
        if moment == "reloaded":
            assert reload_wait(server)["code"] == 0
        elif moment != "first":
            old, = workers_of(server, "a")
            os.kill(zygote_of(server, "a") if moment == "zygote_died" else old, signal.SIGKILL)
            assert wait_until(lambda: workers_of(server, "a") not in ([], [old]))
        assert value(server, "/who")["uids"] == four(WEB)
        leave(server, way)


@needs_root
def test_a_master_with_a_user_ends_a_worker_that_hangs(folder):
    app = os.path.join(folder, "app.py")
    with open(app, "w") as file:
        file.write("import signal, dora\napp = dora.App()\n"
                   "@app.api('/hang')\ndef hang(param):\n    signal.pause()\n")
    with serve(folder, {"a": pool(app, time_limit_ms=100)}, user=WEB,
               master_user=MASTER) as server:
        assert ask(server, "/hang")["code"] == 100201
        assert server.stop() == 0


@needs_root
def test_the_master_keeps_three_rights_in_every_thread(folder):
    with serve(folder, {"a": pool()}, user=WEB, master_user=MASTER, reactors=3) as server:
        threads = [int(name) for name in os.listdir("/proc/%d/task" % server.pid)]
        for thread in threads:
            assert status(server.pid, "Uid", thread) == four(MASTER)
            assert status(server.pid, "Gid", thread) == four(MASTER)
            for key in ("CapEff", "CapPrm"):
                assert status(server.pid, key, thread) in (KEPT, NO_RIGHTS[0])
            for key in ("CapInh", "CapAmb"):
                assert status(server.pid, key, thread) == NO_RIGHTS[0]
        assert status(server.pid, "CapEff") == KEPT
        assert status(server.pid, "CapBnd") == NO_RIGHTS[0]
        assert status(server.pid, "Groups").split() == [str(uid(MASTER))]
        assert server.stop() == 0


@needs_root
def test_the_master_opens_what_only_root_may_and_cleans_up_as_its_user(folder):
    log, moved = os.path.join(folder, "dora.log"), os.path.join(folder, "moved.log")
    files = {name: os.path.join(folder, "dora." + name) for name in ("pid", "sock")}
    variables = os.path.join(folder, ".env")
    with open(variables, "w") as file:
        file.write("HOME=/somewhere\n")
    with serve(folder, {"a": pool(env_file=variables)}, user=WEB, master_user=MASTER,
               listen={"tcp": "127.0.0.1:873", "unix": files["sock"]},
               pid_file=files["pid"], log={"file": log}) as server:
        assert server.address == "127.0.0.1:873"
        assert value(server, "/who")["env"]["HOME"] == "/somewhere"
        for path in (log, *files.values()):
            assert os.lstat(path).st_uid == uid(MASTER)
        os.rename(log, moved)
        server.signal(signal.SIGUSR2)
        assert wait_until(lambda: os.path.exists(log))
        assert reload_wait(server)["code"] == 0
        assert wait_until(lambda: "reloaded" in open(log).read())
        assert server.stop() == 0
        assert not any(os.path.exists(path) for path in files.values())


@needs_root
def test_a_daemon_with_a_user_of_its_own(folder):
    pid_file = os.path.join(folder, "dora.pid")
    path = write(folder, {"a": pool()}, user=WEB, master_user=MASTER, daemonize=True,
                 pid_file=pid_file, log={"file": os.path.join(folder, "dora.log")})
    started = dora("serve", "--config", path)
    try:
        assert started.returncode == 0, started
        with open(pid_file) as file:
            assert status(int(file.read()), "Uid") == four(MASTER)
    finally:
        stopped = dora("stop", "--pid-file", pid_file)
    assert stopped.returncode == 0, stopped
    assert not os.path.exists(pid_file)


@needs_root
@pytest.mark.parametrize("more, mode, owner, group", [
    ({}, 0o600, 0, 0), ({"unix_mode": "0660", "unix_group": "adm"}, 0o660, 0, 4),
    ({"unix_mode": "666", "unix_owner": OTHER}, 0o666, 65534, 65534)])
def test_the_unix_socket_is_whose_it_is_said_to_be(folder, more, mode, owner, group):
    path = os.path.join(folder, "dora.sock")
    with serve(folder, {"a": pool()}, user=WEB,
               listen={"tcp": "127.0.0.1:0", "unix": path, **more}) as server:
        found = os.lstat(path)
        assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (mode, owner, group)
        stranger = dora("call", "unix:" + path, "/who", as_user="33")
        assert stranger.returncode == (0 if mode == 0o666 else 4), stranger
        assert server.stop() == 0


def test_its_mode_needs_no_root(tmp_path):
    path = str(tmp_path / "dora.sock")
    with serve(str(tmp_path), {"a": pool()},
               listen={"tcp": "127.0.0.1:0", "unix": path, "unix_mode": "0640"}) as server:
        assert os.lstat(path).st_mode & 0o777 == 0o640
        assert server.stop() == 0


def test_who_starts_the_server_may_be_named_as_its_user(tmp_path):
    with serve(str(tmp_path), {"a": pool(user=CURRENT)}) as server:
        found = value(server, "/who")
        assert found["uids"].split("\t")[0] == CURRENT
        assert found["no_new_privs"] == "1"
        assert server.stop() == 0


BAD = [
    ({"user": "no-such-user"}, "user: there is no user no-such-user"),
    ({"user": WEB, "group": "no-such-group"}, "group: there is no group no-such-group"),
    ({"user": 4123456}, "user: no user has the number 4123456, so it needs a \"group\", too"),
    ({"user": "4294967295"}, "user: there is no user 4294967295"),
    ({"group": "mail"}, "group: has no effect without \"user\""),
    ({"user": ""}, "user: must be a name or a number, or null"),
    ({"user": -1}, "user: must be a name or a number, or null"),
    ({"user": True}, "user: must be a name or a number, or null"),
    ({"umask": "9"}, "umask: must be octal digits in quotes"),
    ({"umask": 27}, "umask: must be octal digits in quotes"),
    ({"umask": "1777"}, "umask: must be octal digits in quotes"),
    ({"umask": ""}, "umask: must be octal digits in quotes"),
    ({"umask": "0o27"}, "umask: must be octal digits in quotes"),
    ({"core_mb_max": -1}, "core_mb_max: must be a whole number"),
    ({"no_new_privs": "yes"}, "no_new_privs: must be true, false or null"),
    ({"master_user": "no-such-user"}, "master_user: there is no user no-such-user"),
    ({"master_user": "root"}, "master_user: root has all rights"),
    ({"listen": {"unix": "x", "unix_owner": "no-such-user"}},
     "listen.unix_owner: there is no user no-such-user"),
    ({"listen": {"unix": "x", "unix_group": "no-such-group"}},
     "listen.unix_group: there is no group no-such-group"),
    ({"listen": {"unix": "x", "unix_mode": "rw"}}, "unix_mode: must be octal digits in quotes"),
]


@pytest.mark.parametrize("config, why", BAD, ids=[repr(config) for config, _ in BAD])
def test_what_is_wrong_is_named_by_the_check_and_the_start(tmp_path, config, why):
    if "listen" not in config:
        config = {"listen": {"tcp": "127.0.0.1:0"}, **config}
    assert why in refused(str(tmp_path), {"a": pool()}, **config)
    checked = dora("check", str(tmp_path / "dora.json"))
    assert checked.returncode == 1
    assert why in checked.stderr


@pytest.mark.parametrize("key", ["user", "group", "umask"])
def test_a_pools_own_key_is_named_with_its_pool(tmp_path, key):
    bad = {"user": WEB, "umask": "0022", key: "no-such"}
    said = refused(str(tmp_path), {"a": pool(**bad)})
    assert "pools.a.%s: " % key in said
    assert "pools.a.%s: " % key in dora("check", str(tmp_path / "dora.json")).stderr


@needs_root
def test_a_master_is_not_who_its_workers_are(folder):
    for pools, config, why in (
            ({"a": pool()}, {"user": MASTER}, "daemon is the user of pool a, too"),
            ({"a": pool()}, {}, "pool a runs as root"),
            ({"a": pool(), "b": pool(user="root", apis=["/b"])}, {"user": WEB},
             "pool b runs as root")):
        assert "master_user: " + why in refused(folder, pools, master_user=MASTER, **config)
        checked = dora("check", os.path.join(folder, "dora.json"))
        assert "master_user: " + why in checked.stderr


@needs_root
@pytest.mark.parametrize("what", ["the configuration", "log.file", "pid_file", "listen.unix",
                                  "tls.key", "discovery.tls.key", "pools.a.env_file",
                                  "pools.a.app", "pools.a.cwd"])
def test_what_a_user_could_not_open_later_is_said_at_the_start(folder, what):
    private = os.path.join(folder, "private")
    os.mkdir(private, 0o700)
    path = os.path.join(private, "file")
    subprocess.run(["cp", pool()["app"], path], check=True)
    own, config = pool(), {}
    if what.startswith("pools.a."):
        own[what[8:]] = private if what.endswith("cwd") else path
        if what.endswith("env_file"):
            open(path, "w").close()
    elif what == "log.file":
        config["log"] = {"file": path}
    elif what.endswith("tls.key"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-keyout", path,
                        "-out", folder + "/cert"], check=True, stderr=subprocess.DEVNULL)
        os.chmod(path, 0o600)
        tls = {"cert": folder + "/cert", "key": path}
        if what == "tls.key":
            config.update(tls=tls, listen={"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"})
        else:
            config["discovery"] = {"redis": ["rediss://127.0.0.1:1"], "tls": tls}
    elif what == "pid_file":
        config["pid_file"] = path
    elif what == "listen.unix":
        config["listen"] = {"tcp": "127.0.0.1:0", "unix": path}
    file = write(folder, {"a": own}, user=WEB, master_user=MASTER, **config)
    if what == "the configuration":
        os.chmod(file, 0o600)
    who = WEB if what in ("pools.a.app", "pools.a.cwd") else MASTER
    for word in ("check", "serve"):
        said = dora(word, *(["--config"] if word == "serve" else []), file)
        assert said.returncode == 1
        assert "%s: " % what in said.stderr
        assert "user %s cannot" % who in said.stderr
        assert "Permission denied" in said.stderr


@needs_root
def test_who_is_not_root_is_told_what_that_takes(folder):
    os.chown(folder, uid(OTHER), -1)
    said = refused(folder, {"a": pool(user=WEB)}, as_user="65534")
    assert "pools.a.user: www-data: a server that user 65534 starts cannot" in said
    assert "CAP_SETUID" in said
    checked = dora("check", os.path.join(folder, "dora.json"), as_user="65534")
    assert checked.returncode == 0
    assert "note: user: this user cannot start processes as others" in checked.stdout
    said = refused(folder, {"a": pool()}, as_user="65534", user=WEB, master_user=MASTER)
    assert "master_user: daemon: a server that user 65534 starts cannot become another" in said


@needs_root
def test_a_check_says_that_a_pool_runs_as_root(folder):
    path = write(folder, {"a": pool(user="root")})
    assert "note: pool a runs as root" in dora("check", path).stdout


@needs_root
def test_a_server_with_the_rights_alone_can_have_other_users(folder):
    """As by systemd's User= and AmbientCapabilities=."""
    path = write(folder, {"a": pool(user=WEB), "b": pool(apis=["/b/*"])})
    words = ["setpriv", "--reuid", MASTER, "--regid", MASTER, "--clear-groups",
             "--inh-caps", "-all,+setuid,+setgid,+kill", "--ambient-caps",
             "-all,+setuid,+setgid,+kill"]
    with Server(command=[*words, program(), "serve", "--config", path]) as server:
        assert value(server, "/who")["uids"] == four(WEB)
        assert set(value(server, "/who")["caps"]) - {status(server.pid, "CapBnd")} <= set(NO_RIGHTS)
        own, = workers_of(server, "b")
        assert status(own, "Uid") == four(MASTER)
        for key in ("CapEff", "CapPrm", "CapAmb"):
            assert status(own, key) == NO_RIGHTS[0]
        assert set(value(server, "/try", server.pid).values()) == {"PermissionError"}
        leave(server, "stopped")
