"""The rules of core/STYLE.md that a program can check. Each takes a path (from the top of the
sources) and the file's text, and gives complaints as (line, text)."""

import io
import os
import re
import tokenize

COLUMNS_MAX = 100
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 80

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROOM = re.compile(r"^\| `([\w/]+)/` \|.*\| ([\w, ]*?) *\|$", re.M)


def rooms_below():
    """Each room of core/src and what it may include: itself, what core/README.md's table says that
    it stands on, and what those do. A room stands behind those that it stands on."""
    below = {}
    with open(os.path.join(ROOT, "core", "README.md"), encoding="utf-8") as file:
        for room, named in ROOM.findall(file.read()):
            names = list(below) if named == "everything" else named.split(", ") if named else []
            found = [each for name in names for each in below
                     if each == name or each.endswith("/" + name)]
            assert len(found) == len(names), "core/README.md: %s stands on what?" % room
            below[room] = {room}.union(*(below[each] for each in found))
    return below


BELOW = rooms_below()


def room_of(path):
    """The room of a path below core/src: its folder."""
    return path.rsplit("/", 1)[0] if "/" in path else ""


# Where a library's header may stand, as a pattern of paths.
LIBRARIES = {
    "jansson.h": r"core/src/(wire/json|discovery/|monitor/|server/config|server/ops/openapi|cli/)",
    "hiredis": r"core/src/discovery/redis_reply\.c$",
    "microhttpd.h": r"core/src/net/http\w*\.c$",
    "openssl/": r"core/src/(tls/|server/access/token\.c$)",
    "uv.h": r"core/src/(ipc|net|transport|discovery|task|client|monitor|server|cli)/|examples/c/",
    "zlib.h": r"core/src/wire/(gzip|sign)\.c$",
    "Python.h": r"bindings/python/",
    "php.h": r"bindings/php/",
}

BANNED = "strcpy strcat sprintf vsprintf gets strtok alloca atoi atol atof tmpnam mktemp".split()
BANNED_CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(BANNED))
UNWANTED = re.compile(r"\b(TODO|FIXME|HACK)\b|(?<![\w./-])/(work|root|home)/")
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def is_c(path):
    return path.endswith((".c", ".h"))


def without_comments(text):
    """C text with comments and string contents blanked, lines kept."""
    def blank(match):
        found = match.group(0)
        if found.startswith("/"):
            return re.sub(r"[^\n]", " ", found)
        return found[0] + " " * (len(found) - 2) + found[-1]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def rooms(path, text):
    """Each room includes only what stands below it."""
    core = re.match(r"core/src/(.+)/", path)
    public = path.startswith("core/include/")
    binding = re.match(r"bindings/(\w+)/", path)
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        kind, name = found.groups()
        if kind == '"' and core and "/" not in name:
            yield number, 'writes "%s" without its room' % name
        elif kind == '"' and core and room_of(name) not in BELOW.get(core.group(1), ()):
            yield number, 'includes "%s", which is not below %s' % (name, core.group(1))
        if kind == '"' and (public or binding and room_of(name) in BELOW):
            yield number, 'includes "%s": only <dora/...> may be seen here' % name
        if kind == "<" and public and not re.match(r"(dora/|std\w+\.h$)", name):
            yield number, "includes <%s>: public headers take libc types only" % name


def libraries(path, text):
    """Each library is met in its own corner only."""
    if not is_c(path) or path.startswith("tests/"):
        return
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        for library, places in LIBRARIES.items():
            if found and found.group(2).startswith(library) and not re.match(places, path):
                yield number, "includes %s, which has no place here" % library


def banned_calls(path, text):
    if not is_c(path):
        return
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        for found in BANNED_CALL.finditer(line):
            yield number, "calls %s" % found.group(1)


def environment(path, text):
    """What a library sees as `environ` may be another variable than the program's."""
    if not path.startswith(("core/", "bindings/")) or path == "core/src/base/environment.c":
        return
    for number, line in enumerate(without_comments(text).splitlines() if is_c(path) else [], 1):
        if re.search(r"\benviron\b", line):
            yield number, "uses environ: take dr_environment()"


def macros(path, text):
    """What all builds define no file defines again: compilers warn of that, where pip runs them."""
    for number, line in enumerate(text.splitlines() if is_c(path) else [], 1):
        if re.match(r"\s*#\s*define\s+_GNU_SOURCE\b", line):
            yield number, "defines _GNU_SOURCE: all builds do"


def sizes(path, text):
    """Files, functions and lines stay within their limits."""
    lines = text.splitlines()
    if path.endswith("_arginfo.h"):
        return
    if is_c(path) and len(lines) >= FILE_LINES_MAX:
        yield len(lines), "file of %d lines, at most %d" % (len(lines), FILE_LINES_MAX - 1)
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX and not path.endswith(".phpt"):
            yield number, "line of %d columns" % len(line)
    if not is_c(path):
        return
    begin = 0
    for number, line in enumerate(lines, 1):
        if line == "{":
            begin = number
        elif line == "}" and begin:
            if number - begin + 1 > FUNCTION_LINES_MAX:
                yield begin, "function of %d lines" % (number - begin + 1)
            begin = 0


def first_line(path, text):
    """The first line of a C file names it and says its job."""
    name = path.rsplit("/", 1)[-1]
    if is_c(path) and not re.match(r"/\* (?:\w+/)*%s: \S" % re.escape(name), text):
        if "generated file" not in text[:200]:
            yield 1, "does not start with /* %s: its job" % name


def guards(path, text):
    """Headers are guarded by a name of their layer and file."""
    if not path.endswith(".h") or "generated file" in text[:200]:
        return
    found = re.search(r"#ifndef (\w+)\n#define (\w+)\n", text)
    stem = path.rsplit("/", 1)[-1][:-2].upper()
    if not found or found.group(1) != found.group(2):
        yield 1, "has no include guard"
    elif path.startswith("core/include/") and found.group(1) != "DORA_%s_H" % stem:
        yield 1, "guard should be DORA_%s_H" % stem
    elif path.startswith("core/src/"):
        layer = path.split("/")[2].upper()
        if found.group(1) not in ("DR_%s_H" % stem, "DR_%s_%s_H" % (layer, stem)):
            yield 1, "guard should be DR_%s_%s_H" % (layer, stem)


def words(path, text):
    """Nothing unfinished, nothing of one machine."""
    if path.startswith("tests/style/"):
        return
    for number, line in enumerate(text.splitlines(), 1):
        found = UNWANTED.search(line)
        if found:
            yield number, "contains %s" % found.group(0).strip()


def whitespace(path, text):
    if path.endswith((".phpt", "_arginfo.h")) or path.startswith("tests/vectors/"):
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip():
            yield number, "ends in a blank"
        if "\t" in line:
            yield number, "has a tab"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "does not end its last line"


C_TEST = re.compile(r"\b(?:cmocka_unit_test\w*\(\s*|unit_in\(\w+, )(\w+)")
PY_TEST = re.compile(r"\s*(?:async )?def test_(\w+)\(")


def test_names(path, text):
    """A test's name is a clause. cmocka's stands alone, pytest's behind `test_`; of a phpt the line
    below --TEST-- says it."""
    if path.endswith(".phpt") and len(text.splitlines()[1].split()) < 5:
        yield 2, "does not say what is true"
    kind = re.match(r"tests/\w+/test_\w+\.(?:c|py)$", path)
    finder = PY_TEST.finditer if path.endswith(".py") else C_TEST.finditer
    for found in finder(text) if kind else []:
        name = found.group(1)
        if "_" not in name or name.startswith("test_"):
            yield text.count("\n", 0, found.start(1)) + 1, "test %s: its name says nothing" % name


def sleeps(path, text):
    """A test waits for the event. Where it sleeps all the same, the line says why."""
    if not re.match(r"tests/(?!bench)\w+/(test_\w+|sanitized|live)\.py$", path):
        return
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    said = {token.start[0] for token in tokens if token.type == tokenize.COMMENT}
    words = [token.string for token in tokens]
    for at, token in enumerate(tokens[:-3]):
        if words[at:at + 2] == ["sleep", "("] and words[at + 2] != "0" and \
                words[at - 1] == "." and token.start[0] not in said:
            yield token.start[0], "sleeps, and does not say why"


ALL = (rooms, libraries, banned_calls, environment, macros, sizes, first_line, guards, words,
       whitespace, test_names, sleeps)

# A bad file for each rule: the rules are tested on them before they are used.
SAMPLES = {
    rooms: [("core/src/wire/a.c", '#include "net/conn.h"\n'),
             ("core/src/ipc/a.c", '#include "net/conn.h"\n'),
             ("core/src/task/a.c", '#include "discovery/roster.h"\n'),
             ("core/src/server/call/a.c", '#include "server/master/master.h"\n'),
             ("core/src/server/a.c", '#include "base/buf.h"\n'),
             ("core/include/dora/a.h", "#include <uv.h>\n"),
             ("bindings/php/a.c", '#include "wire/frame.h"\n')],
    libraries: [("core/src/base/a.c", "#include <uv.h>\n"),
                ("core/src/net/a.c", "#include <jansson.h>\n")],
    banned_calls: [("core/src/net/a.c", "    strcpy(a, b);\n"), ("core/src/net/a.c", "n=atoi(x)")],
    environment: [("core/src/net/a.c", "list = environ;\n")],
    macros: [("bindings/python/a.c", "#define _GNU_SOURCE /* memfd_create */\n")],
    sizes: [("core/src/net/a.c", "x\n" * 600), ("core/src/net/a.c", "y" * 101),
            ("core/src/net/a.c", "f()\n{\n" + "x\n" * 79 + "}\n")],
    first_line: [("core/src/net/a.c", "int x;\n")],
    guards: [("core/src/net/a.h", "#ifndef A_H\n#define A_H\n#endif\n"),
             ("core/include/dora/a.h", "int x;\n")],
    words: [("core/src/net/a.c", "/* TODO */"), ("README.md", "see /home/ann/x")],
    whitespace: [("core/src/net/a.c", "int x; \n"), ("core/src/net/a.c", "int x;")],
    test_names: [("tests/unit/test_a.c", "{\n    cmocka_unit_test(test_a_call),\n"),
                 ("tests/unit/test_a.c", "    cmocka_unit_test_setup_teardown(\n    call, a, b)"),
                 ("tests/unit/test_a.c", "    unit_in(scene, call),"),
                 ("tests/server/test_a.py", "def test_refused(server):\n"),
                 ("tests/php/a.phpt", "--TEST--\nDora client\n")],
    sleeps: [("tests/server/test_a.py", "time.sleep(0.1)\n"),
             ("tests/python/test_a.py", "await asyncio.sleep(param)\n")],
}
