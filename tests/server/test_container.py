"""Process 1 of a container: it waits for orphans, is stopped by signals, and needs no place to
write to."""

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from support import processes, v1
from support.container import Container, inside, wait_for_first
from support.server import HERE, asking, environment, program, python_pool, wait_until

LEAVING = python_pool("leaving.py", workers=2)
STORM = 500


def config_file(folder, pools, **more):
    """A configuration that everybody may read."""
    path = folder / "dora.json"
    path.write_text(json.dumps({"listen": {"tcp": "127.0.0.1:0"}, "pools": pools, **more}))
    top = Path(tempfile.gettempdir())
    for each in (folder, *(parent for parent in folder.parents if top in parent.parents)):
        each.chmod(0o755)
    return str(path)


def container(folder, pools, as_nobody=False, **more):
    return Container([program(), "serve", "--config", config_file(folder, pools, **more)],
                     as_nobody)


def result(reply):
    return reply["data"]["data"]


def zygote(server):
    return next(pid for pid in server.everyone() if processes.title(pid) == "dora: zygote p")


def waited_for(server):
    return wait_until(lambda: not server.zombies())


def test_what_a_handler_leaves_is_waited_for(tmp_path):
    """By its zygote, and by process 1 when that has gone."""
    end = str(tmp_path / "end")
    with container(tmp_path, {"p": LEAVING}) as server:
        with v1.Conn(server.address) as conn:
            assert v1.code(conn.call("/leave", end)) == 0
            left = wait_until(lambda: next((pid for pid in server.everyone()
                                            if processes.title(pid).startswith("sh -c")), None))
            assert wait_until(lambda: processes.parent(left) == zygote(server))
            os.kill(zygote(server), signal.SIGKILL)
            assert wait_until(lambda: processes.parent(left) == server.first)
            with open(end, "w"):
                pass
            assert wait_until(lambda: not os.path.exists("/proc/%d" % left)), "a zombie"
            assert waited_for(server)
            assert wait_until(lambda: v1.code(conn.call("/echo", 1)) == 0)
        assert server.stop() == 0


def test_a_storm_of_orphans_is_waited_for(tmp_path):
    """Such as a command beside the server (docker exec) may leave; calls go on."""
    script = "i=0; while [ $i -lt %d ]; do (true &); i=$((i+1)); done" % STORM
    with container(tmp_path, {"p": LEAVING}) as server:
        assert server.run("sh", "-c", script).returncode == 0
        with v1.Conn(server.address) as conn:
            assert result(conn.call("/echo", 5)) == 5
        assert waited_for(server), len(server.zombies())
        assert server.stop() == 0


def test_children_of_the_program_stay_its_own(tmp_path):
    """One that serves as process 1 hears how they ended, and one that it does not ask for holds up
    nobody."""
    told = str(tmp_path / "told")
    app = os.path.join(HERE, "apps", "leaving.py")
    with Container([environment()["DORA_PYTHON"], app, told]) as server:
        assert server.run("sh", "-c", "(setsid true &); (setsid true &)").returncode == 0
        with open(told + ".go", "w"):
            pass
        assert wait_until(lambda: os.path.exists(told) and os.path.getsize(told) > 0)
        with open(told) as file:
            assert file.read() == "7"
        assert wait_until(lambda: len(server.zombies()) == 1), "one is the program's to wait for"
        assert server.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_stops_process_1_and_no_call_is_lost(tmp_path, number):
    begun, until = str(tmp_path / "begun"), str(tmp_path / "until")
    with container(tmp_path, {"p": LEAVING}) as server:
        with v1.Conn(server.address) as conn:
            ident = conn.ask("W_S", {"one": ("/mark", {"begun": begun, "until": until})})
            assert wait_until(lambda: os.path.exists(begun))
            server.signal(number)
            assert wait_until(lambda: "finishing what is accepted" in server.log())
            with open(until, "w"):
                pass
            guid, reply = conn.receive()
            assert guid == ident and result(reply) == "done"
        assert server.wait() == 0


@pytest.mark.parametrize("command", [[program()], [environment()["DORA_PYTHON"], "-m", "dora"]],
                         ids=["C", "Python"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
def test_a_command_as_process_1_is_ended_by_signals(number, command):
    """It has no handler for them, and the kernel spares a process 1 what has none."""
    with subprocess.Popen(inside([*command, "call", "127.0.0.1:9", "/any", "--wait", "60",
                                  "--timeout", "60"]), stderr=subprocess.DEVNULL) as process:
        try:
            first = wait_for_first(process)
            assert wait_until(lambda: processes.title(first).startswith(command[0]))
            # The last that is set up, so that the program is past its beginning.
            assert wait_until(lambda: handles(first, signal.SIGTERM))
            os.kill(first, number)
            assert process.wait(10) == 128 + number
        finally:
            process.kill()


def handles(pid, number):
    with open("/proc/%d/status" % pid) as file:
        caught = next(line for line in file if line.startswith("SigCgt:"))
    return int(caught.split()[1], 16) >> (number - 1) & 1


@pytest.mark.parametrize("log", ["/dev/stdout", "/dev/stderr", None])
def test_a_normal_user_with_a_root_to_read_is_enough(tmp_path, log):
    """Nothing is written but the log, to what the container's runtime has opened."""
    pools = {"p": LEAVING,
             "q": {"runtime": "php", "app": os.path.join(HERE, "apps", "basic.php"), "workers": 1}}
    with container(tmp_path, pools, as_nobody=True, log={"file": log}) as server:
        for place in ("/tmp", "/dev/shm", "/run", "/var/tmp", "/"):
            as_user = server.run("setpriv", "--reuid", "65534", "touch", place + "/dora-was-here")
            assert as_user.returncode != 0
        with open("/proc/%d/status" % server.first) as file:
            assert "Uid:\t65534\t65534\t65534\t65534" in file.read()
        with v1.Conn(server.address) as conn:
            assert result(conn.call("/echo", 1)) == 1
            assert v1.code(conn.call("/php/echo", 1)) == 0
        looked = server.run(*asking("stat", server.address, "--check"))
        assert (looked.returncode, looked.stdout) == (0, "ok\n"), looked.stderr
        assert server.stop() == 0
        said = server.process.stdout.read().decode() if log == "/dev/stdout" else server.log()
        assert "signal 15: finishing what is accepted" in said
