"""Whether a translated document (NAME.zh-CN.md beside NAME.md) is in step with the original: the
same headings, with as many rows, items and links below each, and the same words in code; the same
examples; and each links to the other."""

import os
import re

from blocks import FENCE, OUTPUT, without_blocks

LANGUAGE = ".zh-CN.md"
HEADING = re.compile(r"^(#+) ", re.M)
COUNTED = {"rows of tables": r"^\|", "items of lists": r"^(?:-|\d+\.) ", "links": r"\]\("}
WORD = re.compile(r"`[^`]+`")
# What begins a comment, by the kind of a block; a word before it is no comment but a path or so.
COMMENT = {"python": r"(?:^|\s)#", "sh": r"(?:^|\s)#", "console": r"\s#\s", "ini": r"^\s*;",
           "php": r"(?:^|\s)(?://|#(?!\[)|/?\*)", "c": r"(?:^|\s)(?://|/?\*)"}


def original_of(name):
    """The document that a translation is of; None for one that is none."""
    return name.removesuffix(LANGUAGE) + ".md" if name.endswith(LANGUAGE) else None


def code(kind, text):
    """A block without what may be translated: comments, but for those that say what is printed."""
    begins = COMMENT.get(kind)
    if begins is None:
        return text.splitlines()
    output = OUTPUT.get(kind)
    kept = []
    for line in text.splitlines():
        is_output = output is not None and output.match(line)
        found = None if is_output else re.search(begins, line)
        line = line[:found.start()] if found else line
        if line.strip():
            kept.append(line.rstrip())
    return kept


def chapters(text):
    """[(level, {what: how many}, words in code)] of the headings; the first is what stands before
    them."""
    parts = HEADING.split(without_blocks(text))
    for level, body in zip([""] + parts[1::2], parts[0::2]):
        counts = {what: len(re.findall(how, body, re.M)) for what, how in COUNTED.items()}
        yield len(level), counts, {" ".join(each.split()) for each in WORD.findall(body)}


def differences(name, original, text):
    """What is not in step, a line each. `original` and `text`: of both documents."""
    ours, theirs = list(chapters(original)), list(chapters(text))
    if [each[0] for each in ours] != [each[0] for each in theirs]:
        yield "headings %s, the original has %s" % (
            [each[0] for each in theirs], [each[0] for each in ours])
    else:
        for number, (our, their) in enumerate(zip(ours, theirs)):
            for what in COUNTED:
                if our[1][what] != their[1][what]:
                    yield "below heading %d: %d %s, the original has %d" % (
                        number, their[1][what], what, our[1][what])
            if our[2] != their[2]:
                yield "below heading %d: words in code that stand in one alone: %s" % (
                    number, " ".join(sorted(our[2] ^ their[2])))
    ours, theirs = FENCE.findall(original), FENCE.findall(text)
    if [info for info, _ in ours] != [info for info, _ in theirs]:
        yield "blocks %s, the original has %s" % (
            [info for info, _ in theirs], [info for info, _ in ours])
    else:
        for number, ((info, our), (_, their)) in enumerate(zip(ours, theirs)):
            kind = re.match(r"\w*", info).group()
            if code(kind, our) != code(kind, their):
                yield "block %d, ```%s: other code than the original's" % (number + 1, info)
    base = os.path.basename(name)
    for here, there in ((original, base), (text, os.path.basename(original_of(name)))):
        if "](%s)" % there not in here:
            yield "no link to %s" % there


ORIGINAL = """# A
[zh](a.zh-CN.md)
## B
- one `x` [y](#b)
```python
print(1)  # 1
x = 2  # two
```
| a |
|---|
## C
"""
GOOD = ORIGINAL.replace("a.zh-CN.md", "a.md").replace("two", "二").replace("one", "一")
BAD = (GOOD.replace("## C\n", ""), GOOD.replace("## C", "### C"), GOOD.replace("- 一", "一"),
       GOOD.replace("`x`", "`y`"), GOOD.replace("[y](#b)", ""), GOOD.replace("x = 2", "x = 3"),
       GOOD.replace("# 1", "# 2"), GOOD.replace("|---|\n", ""),
       GOOD.replace("```python", "```php"), GOOD.replace("(a.md)", "(b.md)"))


def check_itself():
    """That what is in step passes, and nothing else."""
    good = list(differences("a.zh-CN.md", ORIGINAL, GOOD))
    bad = [text for text in BAD if not list(differences("a.zh-CN.md", ORIGINAL, text))]
    return good + ["a translation that is not in step passes:\n" + text for text in bad]
