"""``python -m dora`` and the ``dora`` command: the same C program."""

import os
import signal
import sys

from . import _dora, _leave, _run


def main() -> int:
    """Run the program with sys.argv and return its exit status."""
    os.environ.setdefault("DORA_PYTHON", sys.executable)
    if sys.argv[1:2] == ["zygote"]:
        return _run.zygote(None)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Python's only notes it, for when the program comes back from C.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    _leave.flush_std()
    return _dora.main(["dora", *sys.argv[1:]], _run.ZYGOTE)


if __name__ == "__main__":
    sys.exit(main())
