"""The manual pages and what shells complete: made from what `dora` says of itself."""

import os
import re
import subprocess

import pytest

from support.server import program

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def said(*arguments):
    return subprocess.run([program(), *arguments], capture_output=True, text=True, timeout=60,
                          check=True).stdout


def shown(page):
    """A page as a terminal has it, words parted by single blanks. No warning is said."""
    done = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-rLL=200n", "-P-cbou"],
                          input=said("help", "--man", page), capture_output=True, text=True,
                          timeout=60, check=True)
    assert done.stderr == ""
    return " ".join(done.stdout.split())


def commands():
    rows = said("help").split("\n\n", 1)[1].splitlines()
    return [row.split()[0] for row in rows if not row.startswith("  --")]


def documented():
    """Keys and defaults as core/OPERATIONS.md has them: pool keys as .NAME."""
    with open(os.path.join(ROOT, "core", "OPERATIONS.md"), encoding="utf-8") as file:
        table = file.read().split("## Configuration\n", 1)[1].split("\n## ", 1)[0]
    for row in (line.split("|") for line in table.splitlines() if line.startswith("| `")):
        names = [name.replace("pools.NAME.", ".") for name in re.findall(r"`([^`]+)`", row[1])]
        whole = row[2].strip()
        usual = [each.strip("`") for each in whole.split(", ")]
        for i, name in enumerate(names):
            yield name, whole.strip("`") if len(names) == 1 else usual[min(i, len(usual) - 1)]


def test_the_page_of_the_program_has_every_command_and_its_options():
    page = shown("dora")
    for command in commands():
        assert "dora %s" % command in page
    for command in set(commands()) - {"help"}:
        for option in set(re.findall(r"(?<=[ \[])--[a-z-]+", said("help", command))):
            assert option in page, (command, option)
    assert "'{\"id\": 7}'" in page


def test_the_page_of_the_file_has_every_key_with_its_default():
    page = shown("dora.json")
    for name, usual in documented():
        key = "pools.NAME" + name if name.startswith(".") else name
        assert (" %s (%s) " % (key, usual) if usual else " %s " % key) in page, (key, usual)


def test_the_page_of_the_file_has_no_key_that_is_not_documented():
    keys = re.findall(r"^\\fB([A-Za-z_.\\-]+)\\fR", said("help", "--man", "dora.json"), re.M)
    known = {"pools.NAME" + name if name.startswith(".") else name for name, _ in documented()}
    assert len(keys) > 40
    assert set(keys) == known


def test_the_keys_are_listed_in_the_terminal():
    listed = "  backlog (3000)\n      Connections that wait to be accepted. From 1 to 65535.\n"
    assert listed in said("help", "dora.json")


def test_another_page_is_refused_by_name():
    done = subprocess.run([program(), "help", "--man", "x"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "dora help --man: there are the pages dora and dora.json\n"


def bash_completes(*words):
    """What bash would offer for the last of the words."""
    script = said("completion", "bash") + "\nCOMP_WORDS=(dora %s)\nCOMP_CWORD=%d\n_dora\n" % (
        " ".join("'%s'" % word for word in words), len(words)) + 'echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(("words", "wanted"), [
    (["st"], ["stat", "stop"]),
    (["help", "dora"], ["dora.json"]),
    (["stop", "--p"], ["--pid-file"]),
    (["completion", ""], ["bash", "zsh"]),
    (["serve", "app"], []),
])
def test_bash_completes_commands_and_their_options(words, wanted):
    assert bash_completes(*words) == wanted


def test_bash_knows_every_command():
    assert set(bash_completes("")) == {*commands(), "--help", "--version"}


def test_zsh_offers_commands_and_their_options():
    stubs = """
        compdef() { }
        _describe() { print -rl -- ${(P)2} }
        compadd() { print -rl -- "$@" }
        _files() { print files }
    """
    script = stubs + said("completion", "zsh")
    first = script + "\nwords=(dora ''); CURRENT=2; _dora"
    second = script + "\nwords=(dora stop --); CURRENT=3; _dora"
    offered = subprocess.run(["zsh", "-f", "-c", first], capture_output=True, text=True, check=True)
    names = [line.split(":")[0] for line in offered.stdout.splitlines()]
    assert names == commands()
    options = subprocess.run(["zsh", "-f", "-c", second], capture_output=True, text=True,
                             check=True)
    assert "--pid-file" in options.stdout.split()


def test_completion_wants_a_shell_that_it_knows():
    done = subprocess.run([program(), "completion", "fish"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "bash or zsh" in done.stderr
