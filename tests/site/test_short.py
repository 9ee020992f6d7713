"""Words of a Python generator, by PHP-FPM and nginx, as a browser gets them: one by one; and the
button that ends the generator."""

import collections
import re

import pytest

from support.browser import Browser
from support.server import wait_until

STATE = 'document.getElementById("words").dataset.state'
TEXT = 'document.getElementById("words").textContent'
WATCH = """{ window.lengths = []; const words = document.getElementById("words");
    new MutationObserver(() => window.lengths.push([performance.now(), words.textContent.length]))
        .observe(words, {childList: true, characterData: true, subtree: true}); }"""


@pytest.fixture
def page(site, tmp_path):
    with Browser(tmp_path) as one:
        one.open(site.url + "/?id=1")
        one.wait('document.getElementById("ask") !== null')
        yield one
        assert one.problems == []


def click(page, button):
    page.ask('document.getElementById("%s").click()' % button)


def said(site):
    """How many words the services have said in each answer, and of how many; so many times each."""
    logs = site.log("one") + site.log("two")
    return collections.Counter(
        (int(a), int(b)) for a, b in re.findall(r"said (\d+) of (\d+) words", logs))


def next_said(site, before):
    """What was said since."""
    assert wait_until(lambda: said(site) != before)
    (found,) = said(site) - before
    return found


def test_words_appear_one_by_one(site, page):
    page.ask(WATCH)
    click(page, "ask")
    page.wait(STATE + ' === "said"')
    seen = page.ask("window.lengths")
    text = page.ask(TEXT)
    assert text.startswith("People love how quiet") and text.rstrip().endswith("hand it on.")
    lengths = sorted({length for _, length in seen if length > 0})
    assert len(lengths) > 20, lengths  # it was seen growing
    times = [at for at, length in seen if length > 0]
    assert times[-1] - times[0] > 1500  # the first word long before the last
    assert lengths[0] < len(text) / 4


def test_stop_ends_the_generator(site, page):
    before = said(site)
    click(page, "ask")
    page.wait(TEXT + '.split(" ").length > 3')
    click(page, "stop")
    page.wait(STATE + ' === "stopped"')
    words, all_of_them = next_said(site, before)
    assert words < all_of_them
    click(page, "ask")  # and it can be asked again
    page.wait(STATE + ' === "said"')


def test_page_says_what_cannot_be_had(page):
    page.ask('{ window.fetch = async () => new Response("<h1>Bad gateway", {status: 502}); }')
    click(page, "ask")
    page.wait(STATE + ' === "failed"')
    assert page.ask(TEXT).strip() == "(The rest cannot be had right now.)"


def test_closed_page_ends_the_generator(site, tmp_path):
    before = said(site)
    with Browser(tmp_path) as page:
        page.open(site.url + "/?id=3")
        page.wait('document.getElementById("ask") !== null')
        click(page, "ask")
        page.wait(TEXT + '.split(" ").length > 2')
    words, all_of_them = next_said(site, before)
    assert words < all_of_them
