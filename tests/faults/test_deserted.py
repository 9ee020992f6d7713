"""A master that is killed while an application loads: nobody of its processes is left, nor what the
application has started by then."""

import json
import os
import signal
import subprocess

import pytest

from support import processes
from support.server import environment, program, wait_until

APP = {
    "python": """
import subprocess, time
subprocess.Popen(["sh", "-c", "sleep 600 & sleep 600"])
print("is loading", flush=True)
time.sleep(600)
""",
    "php": """<?php
proc_open(['sh', '-c', 'sleep 600 & sleep 600'], [], $pipes);
echo "is loading\\n";
sleep(600);
""",
}


def started(pid):
    return [processes.title(each) for each in processes.descendants(pid)].count("sleep 600")


@pytest.mark.parametrize("language", sorted(APP))
@pytest.mark.parametrize("way", ["at first", "aside", "below another program"])
def test_nobody_outlives_a_master_that_is_killed_while_an_application_loads(
        tmp_path, language, way):
    app = tmp_path / ("app." + {"python": "py", "php": "php"}[language])
    app.write_text(APP[language])
    pool = {"runtime": language, "app": str(app), "preload": way != "aside"}
    if way == "below another program":
        runtime = environment()["DORA_PYTHON"] if language == "python" else "php"
        pool["interpreter"] = ["sh", "-c", '"$0" "$@"; exit 0', runtime]
    config = tmp_path / "dora.json"
    config.write_text(json.dumps({"listen": {"tcp": "127.0.0.1:0"}, "pools": {"p": pool}}))
    log = tmp_path / "log"
    with open(log, "w") as file:
        master = subprocess.Popen([program(), "serve", "--config", str(config)], stdout=file,
                                  stderr=file, env=environment())
    family = []
    try:
        assert wait_until(lambda: "is loading" in log.read_text()), log.read_text()
        assert wait_until(lambda: started(master.pid) == 2)
        family = processes.descendants(master.pid)
        master.kill()
        assert wait_until(lambda: not any(map(processes.is_alive, family))), [
            processes.title(pid) for pid in family if processes.is_alive(pid)]
    finally:
        master.kill()
        master.wait()
        for pid in filter(processes.is_alive, family):
            os.kill(pid, signal.SIGKILL)
