"""examples/shop: its README is typed, and its tests run in Debian's pytest and PHPUnit."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ports

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "examples/shop"
README = (SHOP / "README.md").read_text(encoding="utf-8")
PYDANTIC = os.environ.get("DORA_PYDANTIC", "")  # where a pydantic is that is new enough
BLOCKS = re.findall(r"^```sh [^\n]*\n(.*?)^```", README, re.M | re.S)


@pytest.fixture
def shop(tmp_path):
    """run(text, folder=) types something where Dora is installed for PHP and Python."""
    if not PYDANTIC:
        pytest.skip("no pydantic 2 can be had: DORA_PYDANTIC does not say where it is")
    (tmp_path / "dora.ini").write_text(f"extension={os.environ['DORA_PHP_EXTENSION']}\n")
    (tmp_path / "bin").mkdir()
    for name, command in (("dora", f'exec "{sys.executable}" -m dora "$@"'),
                          ("python3", f'exec "{sys.executable}" "$@"')):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{command}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
           "PHP_INI_SCAN_DIR": f":{tmp_path}", "DORA_BIN": str(tmp_path / "bin/dora"),
           "PYTEST_ADDOPTS": "-p no:cacheprovider", "PYTHONDONTWRITEBYTECODE": "1",
           "PYTHONPATH": PYDANTIC}

    def run(text, folder=ROOT, **more):
        done = subprocess.run(["bash", "-mc", text], cwd=folder, env={**env, **more},
                              capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    return run


def test_the_walk_through_the_services_answers_as_it_says(shop):
    port = ports.take()
    serve = "dora serve --config dora.json"
    assert serve in BLOCKS[1] and "127.0.0.1:9567" in BLOCKS[1]
    typed = BLOCKS[1].replace("9567", str(port)).replace(f"{serve} &", f"{serve} --port {port} &")
    typed = typed.replace("--wait 10 --timeout 10", "--wait 60 --timeout 60") + "wait\n"
    _, said = shop(typed, SHOP_CATALOGUE=f"127.0.0.1:{port}")
    assert "Coffee mill" in said and "Coffee cup" in said and "Tea pot" not in said
    assert '"cents": 7600' in said
    assert '100210 $.by: one of "name", "price" is wanted' in said
    assert "100210 $.lines[1].product: Field required; $.lines[1].prodcut: Extra inputs" in said
    assert "100210 $.id: missing; $.number: unknown" in said


def test_its_tests_pass_in_pytest_and_phpunit(shop):
    status, said = shop("set -e\n" + BLOCKS[2], folder=SHOP)
    assert status == 0, said
    assert "9 passed" in said and "OK (6 tests" in said


def test_its_tests_see_what_a_handler_does_wrong(shop, tmp_path):
    copy = tmp_path / "examples/shop"
    shutil.copytree(SHOP, copy)
    (tmp_path / "bindings/php").mkdir(parents=True)
    shutil.copytree(ROOT / "bindings/php/stubs/testing", tmp_path / "bindings/php/stubs/testing")
    for name, right, wrong in (("orders.py", "* line.count", "+ line.count"),
                               ("catalogue.php", "'Coffee cup'", "'Coffee can'")):
        text = (copy / name).read_text(encoding="utf-8")
        assert right in text
        (copy / name).write_text(text.replace(right, wrong), encoding="utf-8")
    status, said = shop("python3 -m pytest -q tests", folder=copy)
    assert status == 1 and "test_an_order_is_kept" in said
    status, said = shop("phpunit", folder=copy)
    assert status == 1 and "testAProductIsFoundByItsNumber" in said


def test_a_php_test_hears_why_its_server_did_not_start(shop, tmp_path):
    (tmp_path / "broken.php").write_text("<?php return 5;")
    code = f"""require '{ROOT}/bindings/php/stubs/testing/Server.php';
        try {{ new Dora\\Testing\\Server('{tmp_path}/broken.php'); }}
        catch (RuntimeException $error) {{ echo $error->getMessage(), "\\n"; }}
        try {{ new Dora\\Testing\\Server('none.php'); }}
        catch (LogicException $error) {{ echo $error->getMessage(), "\\n"; }}"""
    _, said = shop(f"php -r '{code}'".replace("'", "\x00").replace("\x00", "'\\''").replace(
        "php -r '\\''", "php -r '", 1)[:-4] + "'")
    assert "the server did not start:" in said and "must return a Dora\\App" in said
    assert "no application: none.php" in said
