#!/usr/bin/env python3
"""Makes core/src/server/ops/apis_page.h of apis.html beside it: the page as a C string, and the
policy under which a browser may run nothing but its own style and script. `--check` only says
whether the header is as it would be made."""

import base64
import hashlib
import os
import re
import sys

OPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "src", "server", "ops")
COLUMNS_MAX = 96
HEAD = """/* apis_page.h: the page /apis. Made by core/page.py of apis.html: change that. */
#ifndef DR_SERVER_APIS_PAGE_H
#define DR_SERVER_APIS_PAGE_H

"""
FOOT = "\n#endif\n"


def quoted(text):
    """The text as lines of C, each a string."""
    lines = []
    for line in text.splitlines(keepends=True):
        line = re.sub(r'["\\]', r"\\\g<0>", line).replace("\n", "\\n")
        while len(line) > COLUMNS_MAX - 6:
            at = line.rindex(" ", 0, COLUMNS_MAX - 6)
            lines.append(line[:at])
            line = line[at:]
        lines.append(line)
    return "\n".join('    "%s"' % line for line in lines)


def digest(page, tag):
    """What a policy calls the page's inline style or script."""
    (text,) = re.findall(r"<%s>(.*?)</%s>" % (tag, tag), page, re.S)
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def header(page):
    policy = ["default-src 'none';\n", "script-src %s;\n" % digest(page, "script"),
              "style-src %s;\n" % digest(page, "style"), "connect-src 'self';\n",
              "img-src data:;\n", "base-uri 'none';\n", "form-action 'none';\n",
              "frame-ancestors 'none'"]
    policy = "".join(policy).replace(";\n", "; \n")
    policy = "\n".join('    "%s"' % line for line in policy.split("\n"))
    return ("%s/* clang-format off */\nstatic const char dr_apis_policy[] =\n%s;\n\n"
            "static const char dr_apis_page[] =\n%s;\n/* clang-format on */\n%s" %
            (HEAD, policy, quoted(page), FOOT))


def main():
    with open(os.path.join(OPS, "apis.html"), encoding="ascii") as file:
        made = header(file.read())
    path = os.path.join(OPS, "apis_page.h")
    if sys.argv[1:] == ["--check"]:
        with open(path, encoding="ascii") as file:
            return 0 if file.read() == made else "%s is not made of apis.html" % path
    with open(path, "w", encoding="ascii") as file:
        file.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
