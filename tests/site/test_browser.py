"""The page in a real browser: Debian's chromium, without a screen."""

import os
import shutil
import struct
import subprocess
import zlib

import pytest

BROWSER_S = 90
WIDTH, HEIGHT = 1100, 900


def browse(url, folder, *words):
    """What it prints. A browser that fails by itself is started once more."""
    browser = shutil.which("chromium")
    if not browser:
        pytest.fail("these tests need chromium (Debian: chromium)")
    for profile in ("first", "second", "third"):
        try:
            done = subprocess.run(
                [browser, "--headless", "--no-sandbox", "--disable-gpu",
                 "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
                 "--user-data-dir=%s" % (folder / profile), *words, url], cwd=folder,
                env={**os.environ, "HOME": str(folder)}, timeout=BROWSER_S, capture_output=True,
                text=True)
        except subprocess.TimeoutExpired as error:
            why = str(error)
            continue
        if done.returncode == 0:
            return done.stdout
        why = "status %d: %s" % (done.returncode, done.stderr[-2000:])
    return pytest.fail("chromium fails again and again: " + why)


def pixels(path):
    """(width, height, number of different colours in the first channel's rows) of a PNG."""
    data = path.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    packed, at = b"", 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    return width, height, len(set(zlib.decompress(packed)))


def test_browser_shows_both_services(site, tmp_path):
    dom = browse(site.url, tmp_path, "--dump-dom")
    for text in ("Coffee mill", "Beech and cast iron", "Quiet enough for six", "4.7",
                 "How this page was made", "Both at once"):
        assert text in dom
    assert dom.count('data-state="ok"') == 2


# A stylesheet that did not arrive would leave the parts without their boxes: far fewer shades.
@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (400, 1300)])
def test_browser_paints_it(site, tmp_path, size):
    picture = tmp_path / "page.png"
    browse(site.url, tmp_path, "--screenshot=%s" % picture, "--window-size=%d,%d" % size)
    width, height, shades = pixels(picture)
    assert (width, height) == size and shades > 100
