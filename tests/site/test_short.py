"""Words of a Python generator, by PHP-FPM and nginx, as a browser gets them: one by one; and the
button that ends the generator."""

import collections
import re

import pytest

from support.browser import Browser
from support.server import wait_until

STATE = 'document.getElementById("words").dataset.state'
TEXT = 'document.getElementById("words").textContent'
SEVERAL_S = 90  # attempts, of 8 s each
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
    found = list((said(site) - before).elements())
    assert len(found) == 1, found
    return found[0]


def at_last(question):
    """Asks until it is so: a browser that stands still sees words come together, and is late to
    leave. Says what came the last time."""
    came = []

    def is_so():
        so, *came[:] = question()
        return so

    assert wait_until(is_so, SEVERAL_S), came


def say_all(site, page):
    """Asks for the words, until all are there."""
    before = said(site)
    click(page, "ask")
    page.wait(STATE + ' === "said"')
    words, all_of_them = next_said(site, before)
    assert words == all_of_them


def test_words_appear_one_by_one(site, page):
    def is_seen_growing():
        page.ask(WATCH)
        say_all(site, page)
        text = page.ask(TEXT)
        assert text.startswith("People love how quiet") and text.rstrip().endswith("hand it on.")
        seen = [each for each in page.ask("window.lengths") if each[1] > 0]
        lengths = sorted({length for _, length in seen})
        is_slow = seen[-1][0] - seen[0][0] > 1500  # the first word long before the last
        return len(lengths) > 20 and is_slow and lengths[0] < len(text) / 4, seen

    at_last(is_seen_growing)


def test_stop_ends_the_generator(site, page):
    def is_ended():
        before = said(site)
        click(page, "ask")
        page.wait(TEXT + '.split(" ").length > 3')
        click(page, "stop")
        state = page.wait("['stopped', 'said'].includes(%s) && %s" % (STATE, STATE))
        words, all_of_them = next_said(site, before)
        return state == "stopped" and words < all_of_them, state, words, all_of_them

    at_last(is_ended)
    say_all(site, page)  # and it can be asked again


def test_page_says_what_cannot_be_had(page):
    page.ask('{ window.fetch = async () => new Response("<h1>Bad gateway", {status: 502}); }')
    click(page, "ask")
    page.wait(STATE + ' === "failed"')
    assert page.ask(TEXT).strip() == "(The rest cannot be had right now.)"


def test_closed_page_ends_the_generator(site, tmp_path):
    def is_ended():
        before = said(site)
        with Browser(tmp_path) as page:
            page.open(site.url + "/?id=1")
            page.wait('document.getElementById("ask") !== null')
            click(page, "ask")
            page.wait(TEXT + '.split(" ").length > 2')
        words, all_of_them = next_said(site, before)
        return words < all_of_them, words, all_of_them

    at_last(is_ended)
