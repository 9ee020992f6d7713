"""Checks the sources against the rules; prints each complaint, then `N passed, N failed`."""

import os
import re
import shutil
import subprocess
import sys

import documents
import rules

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FORMATTER = 14  # the major version of clang-format
CODE = (".c", ".h", ".py", ".pyi", ".php", ".phpt", ".sh", ".m4", ".txt", ".toml", ".cfg")
GENERATED = re.compile(r"(^|/)(out|build|modules|autom4te\.cache|__pycache__|\.libs)/|"
                       r"^(Makefile.*|configure.*|config\.(h.*|status|log)|libtool)$|"
                       r"\.(o|lo|la|a|so|pyc|dep|whl|egg-info)$")


def tracked():
    """The files that are, or are about to be, in the repository; all files without git."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                          capture_output=True, text=True)
    names = done.stdout.splitlines() if done.returncode == 0 else []
    if not names:
        for folder, folders, files in os.walk(ROOT):
            folders[:] = [each for each in folders if each not in (".git", "out")]
            names += [os.path.relpath(os.path.join(folder, each), ROOT) for each in files]
    return sorted(each for each in names if os.path.isfile(os.path.join(ROOT, each)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def check_samples(_):
    """Each rule still finds its bad samples."""
    for rule, samples in rules.SAMPLES.items():
        for path, text in samples:
            if not list(rule(path, text)):
                yield "rule %s misses a bad sample: %r" % (rule.__name__, text[:40])
    for rule in rules.ALL:
        if rule not in rules.SAMPLES:
            yield "rule %s has no sample" % rule.__name__


def check_sources(files):
    """core/sources.txt names every C file of the core but the program's own, once."""
    listed = [line for line in read("core/sources.txt").splitlines() if line[:1] not in ("", "#")]
    there = [each for each in files if re.match(r"core/src/.*\.c$", each)]
    there = [each for each in there if each != "core/src/cli/program.c"]
    for each in sorted(set(listed) ^ set(there)):
        yield "%s: %s" % (each, "listed but missing" if each in listed else "not in sources.txt")
    for each in sorted({each for each in listed if listed.count(each) > 1}):
        yield "%s: listed twice" % each
    for reader in ("CMakeLists.txt", "setup.py", "config.m4"):
        if reader in files and "sources.txt" not in read(reader):
            yield "%s does not read core/sources.txt" % reader


def check_generated(files):
    """Nothing that a build makes is kept, save the arginfo that belongs to its stub."""
    for each in files:
        if GENERATED.search(each):
            yield "%s: generated, must not be in the repository" % each


def check_page(_):
    """The page that is compiled in is the one that people change."""
    done = subprocess.run([sys.executable, os.path.join(ROOT, "core", "page.py"), "--check"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        yield "core/src/server/ops/apis_page.h: run core/page.py (%s)" % done.stderr.strip()[-200:]


FUNCTION = re.compile(r"^(?!static|typedef|#|return)[a-z][\w \*]*?\b(\w+)\([^;{}]*\)\s*([;{])",
                      re.M)


def functions(path, mark):
    """The functions that a file declares (mark ";") or defines (mark "{")."""
    return {found.group(1) for found in FUNCTION.finditer(rules.without_comments(read(path)))
            if found.group(2) == mark}


def check_headers(files):
    """A header of the core declares its own file's functions only."""
    chosen = [each for each in files if each.startswith("core/src/")]
    homes = {name: each for each in chosen if each.endswith(".c")
             for name in functions(each, "{")}
    for each in chosen:
        for name in sorted(functions(each, ";")) if each.endswith(".h") else []:
            if homes.get(name, each)[:-2] != each[:-2]:
                yield "%s: declares %s, which stands in %s" % (each, name, homes[name])


def check_documents(files):
    """What the documents name is there, and their examples are of a kind."""
    yield from documents.check_samples()
    for each in files:
        if each.endswith(".md"):
            for line, text in documents.check(each, read(each), files, read):
                yield "%s:%d: %s" % (each, line, text)


REPLY_CODE = re.compile(r'X\(\w+, (\d+), (true|false), (?:true|false), \d+,\s*((?:"[^"]*"\s*)+)\)')


def check_codes(files):
    """PROTOCOL.md lists the reply codes of error.h, with their "not run" and their text."""
    if "core/PROTOCOL.md" not in files:
        return
    header = re.sub(r"\s*\\\n", " ", read("core/include/dora/error.h"))
    told = {number: (not_run, text) for number, not_run, text in re.findall(
        r"^\| (\d+) \| (yes|) ?\| (.*) \|$", read("core/PROTOCOL.md"), re.M)}
    found = REPLY_CODE.findall(header)
    if len(found) < 20:
        yield "core/include/dora/error.h: DORA_CODES cannot be read"
    for number, not_run, parts in found:
        text = "".join(re.findall(r'"([^"]*)"', parts))
        wanted = "yes" if not_run == "true" else "", text
        said = told.get(number, ("", ""))
        if number != "100001" and (said[0] != wanted[0] or not said[1].startswith(wanted[1])):
            yield "core/PROTOCOL.md: %s is %r, in error.h %r" % (number, said, wanted)


def formatter():
    """The clang-format that the sources are written with, None where there is another: each version
    formats something in its own way."""
    said = []
    for name in ("clang-format-%d" % FORMATTER, "clang-format"):
        if shutil.which(name):
            done = subprocess.run([name, "--version"], capture_output=True, text=True)
            version = re.search(r"version (\d+)", done.stdout)
            if version and int(version.group(1)) == FORMATTER:
                return name
            said.append("%s is %s" % (name, version.group(1) if version else "unknown"))
    print("style: SKIPPED check_format: it wants clang-format %d, Debian 12's; %s"
          % (FORMATTER, ", ".join(said) or "there is none"))
    return None


def check_format(files):
    """clang-format has nothing to change."""
    program = formatter()
    if program is None:
        return
    chosen = [each for each in files if rules.is_c(each) and "arginfo" not in each]
    done = subprocess.run([program, "--dry-run", "-Werror", *chosen], cwd=ROOT,
                          capture_output=True, text=True)
    bad = {line.split(":")[0] for line in done.stderr.splitlines() if "error:" in line}
    for each in sorted(bad):
        yield "%s: clang-format -i would change it" % each


def rule_check(rule):
    def check(files):
        for path in files:
            if path.endswith(CODE) or rule is rules.words and path.endswith((".md", ".json")):
                for line, text in rule(path, read(path)):
                    yield "%s:%d: %s" % (path, line, text)
    check.__name__ = "check_" + rule.__name__
    check.__doc__ = rule.__doc__
    return check


def main():
    files = tracked()
    checks = [check_samples, check_sources, check_generated, check_page, check_headers,
              check_documents, check_codes, check_format]
    checks += [rule_check(rule) for rule in rules.ALL]
    failed = 0
    for check in checks:
        complaints = list(check(files))
        for each in complaints:
            print("style: " + each)
        if complaints:
            failed += 1
            print("style: FAILED %s" % check.__name__)
    print("%d passed, %d failed" % (len(checks) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
