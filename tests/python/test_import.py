"""Importing dora: where it is refused, and with which words."""

import subprocess
import sys
import sysconfig

import pytest

WORDS = (
    "ImportError: dora needs the GIL, and this free-threaded Python was told to run without it: "
    "take PYTHON_GIL=0 or -X gil=0 away"
)


def run(*words):
    """Another interpreter: its status and the last line of what it printed."""
    command = [sys.executable, "-W", "ignore", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, (done.stdout + done.stderr).strip().rsplit("\n", 1)[-1]


@pytest.mark.parametrize("answer, wanted", [("True", (0, "")), ("False", (1, WORDS))])
def test_the_interpreter_is_asked_for_its_gil(answer, wanted):
    """Any Python: the question of free-threaded ones is answered in its place."""
    assert run("-c", f"import sys; sys._is_gil_enabled = lambda: {answer}; import dora") == wanted


def test_an_error_of_the_question_is_passed_on():
    said = run("-c", "import sys; sys._is_gil_enabled = lambda: 1 / 0; import dora")
    assert said == (1, "ZeroDivisionError: division by zero")


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="no free threads here")
def test_a_free_threaded_python_takes_the_gil_up_or_is_refused():
    assert run("-X", "gil=0", "-c", "import dora") == (1, WORDS)
    asks = "import sys; import dora; print(sys._is_gil_enabled())"
    assert run("-c", asks) == (0, "True")
