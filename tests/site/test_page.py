"""The site as examples/site/run.sh starts it: nginx, PHP-FPM, both services, discovery."""

import json
import os
import re
import signal
from concurrent import futures

from site_run import Site
from support import processes, v1
from support.server import wait_until

BOTH = {"product": "ok", "reviews": "ok"}
NEITHER = {"product": "failed", "reviews": "failed"}


def test_page_has_both_services(site):
    status, parts, text = site.page()
    assert (status, parts) == (200, BOTH)
    assert "<h1>Coffee mill</h1>" in text and "Quiet enough for six" in text
    assert "PHP 8." in text and "Python 3." in text
    assert len(re.findall(r"[\d.]+&nbsp;ms", text)) == 3
    assert "http://" not in text and "https://" not in text, "nothing from elsewhere"


def test_processes_are_the_real_ones(site):
    titles = {name: processes.title(pid) for name, pid in site.pids.items()}
    assert titles["nginx"].startswith("nginx: master process")
    assert titles["php-fpm"].startswith("php-fpm: master process")
    assert titles["redis"].split("/")[-1].startswith("redis-server 127.0.0.1:")
    assert titles["one"] == titles["two"] == "dora: master"


def test_services_run_at_the_same_time(site):
    times = []

    def are_at_once():
        """A page that is late for another reason is asked for again."""
        _, parts, text = site.page("/?wait=1000")
        assert parts == BOTH, text
        times[:] = [float(ms.replace(",", "")) for ms in re.findall(r"([\d.,]+)&nbsp;ms", text)]
        product, reviews, whole = times
        assert product >= 1000 and reviews >= 1000, times
        return whole < product + reviews - 50

    assert wait_until(are_at_once), times


def test_unknown_product_still_is_a_page(site):
    status, parts, text = site.page("/?id=99")
    assert (status, parts) == (404, {"product": "failed", "reviews": "ok"})
    assert "Nobody has said anything yet" in text and "Copper kettle" in text


def test_what_visitors_send_is_escaped_or_ignored(site):
    status, parts, text = site.page("/?id=%3Cscript%3E&wait[]=x")
    assert (status, parts) == (200, BOTH) and text.count("<script") == 1  # the page's own


def test_only_the_named_pages_are_there(site):
    for path in ("/page.php", "/index.php", "/shop.php", "/public/index.php", "/health/x"):
        assert site.page(path)[0] == 404, path


def test_the_health_page_answers(site):
    status, _, text = site.page("/health")
    assert status == 200
    health = json.loads(text)
    assert health["ok"] and health["services"] == {"product": {"ok": True}, "reviews": {"ok": True}}


def test_node_files_name_both_servers(site):
    with open(site.path("nodes.json")) as file:
        nodes = json.load(file)
    ports = {node["port"] for node in nodes["shop"].values()}
    assert ports == {int(site.address_of(name).rsplit(":", 1)[1]) for name in ("one", "two")}
    with open(site.path("nodes.php")) as file:
        assert file.read().startswith("<?php")


def test_page_without_servers_and_with_them_again(own_site):
    address = own_site.address_of("one")
    own_site.kill("one")
    for _ in range(20):
        assert own_site.page()[:2] == (200, BOTH), "the other one answers"
    own_site.kill("two")
    status, parts, text = own_site.page()
    assert (status, parts) == (503, NEITHER)
    assert "cannot be shown right now" in text and re.search("Code 1000(09|10)", text)
    assert address not in text, "addresses are for the log"
    assert wait_until(lambda: re.search("product: .*1000(09|10)", own_site.log("php"))), (
        own_site.log("php"))
    status, _, text = own_site.page("/health")
    assert status == 503 and not json.loads(text)["ok"]
    with own_site.server("one", int(address.rsplit(":", 1)[1])):
        assert wait_until(lambda: own_site.page()[:2] == (200, BOTH), 60)


def is_running_something(site):
    for name in ("one", "two"):
        with v1.Conn(site.address_of(name)) as conn:
            if conn.command("getStat")["data"]["server"]["tasking_num"]:
                return True
    return False


def test_handler_that_hangs_costs_its_own_part_only(own_site):
    workers = [pid for name in ("one", "two")
               for pid in processes.workers(own_site.pids[name], "reviews").values()]
    with futures.ThreadPoolExecutor() as pool:
        page = pool.submit(own_site.page, "/?wait=1000")
        assert wait_until(lambda: is_running_something(own_site))
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        status, parts, text = page.result()
    assert (status, parts) == (200, {"product": "ok", "reviews": "failed"})
    assert "Code 100201" in text
    for pid in filter(processes.is_alive, workers):
        os.kill(pid, signal.SIGCONT)
    assert wait_until(lambda: own_site.page()[1] == BOTH), "another worker is there"


def test_interrupted_in_the_middle_it_leaves_nothing(tmp_path):
    site = Site("--once", TMPDIR=str(tmp_path))
    assert wait_until(lambda: any(processes.title(pid) == "dora: master" for pid in site.family()))
    site.close()
    assert not os.listdir(tmp_path)


def test_server_that_does_not_start_is_said(tmp_path):
    site = Site("--once", TMPDIR=str(tmp_path), DORA_PYTHON="/no/python")
    assert site.process.wait(60) == 1
    assert "site: one did not start; it said:" in site.text() and "/no/python" in site.text()
    site.close()
    assert not os.listdir(tmp_path)


def test_once_shows_a_page_and_leaves_nothing():
    site = Site("--once")
    assert site.process.wait(60) == 0, site.text()
    text = site.text()
    assert "Coffee mill" in text and "Quiet enough for six" in text and "<" not in text
    folder = re.search(r"^folder: (.*)$", text, re.M).group(1)
    assert not os.path.exists(folder)
    for pid in re.findall(r"^process: \S+ (\d+)$", text, re.M):
        assert not processes.is_alive(int(pid))
    site.close()
