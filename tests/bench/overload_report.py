"""Shows what overload.py measured: as text, as Markdown, as SVG."""

from xml.sax.saxutils import escape

import plot

HEAD = ["handler", "offered", "who", "in time/s", "of what it can do", "late", "refused",
        "run for nobody", "well again after", "wanted", "spoiled"]
FLOOD_HEAD = ["door", "handler", "polite p99 alone", "beside the flood", "times", "flood's calls/s",
              "wanted"]
IN_TIME_LEAST, FOR_NOBODY_MOST, RECOVERY_MOST_S, TIMES_MOST = 0.9, 0.02, 0.5, 3
HEIGHT, WIDTH, GAP = 396, 210, 64


def is_wanted(row):
    """What the project wants of itself stands for calls that say how long they wait, from twice the
    rate on."""
    return row["who"] == "Dora" and row["is_told"] and row["times"] >= 2


def verdict(row):
    if not is_wanted(row):
        return ""
    is_good = (row["in_time_share"] >= IN_TIME_LEAST and row["for_nobody"] < FOR_NOBODY_MOST
               and row["is_recovered"] and row["recovery_s"] <= RECOVERY_MOST_S)
    return "ok" if is_good else "missed"


def refused_text(refused):
    return ", ".join("%s: %d" % each for each in refused.items()) or "0"


def recovery_text(row):
    return "%.2f s" % row["recovery_s"] if row["is_recovered"] else "> %g s" % row["recovery_s"]


def cells_of(row):
    return ["%d ms" % row["sleep_ms"], "%gx" % row["times"], row["who"],
            "%.0f" % row["in_time_per_s"], "%.2f" % row["in_time_share"],
            "%.0f" % row["late"], refused_text(row["refused"]),
            "%.1f %%" % (100 * row["for_nobody"]), recovery_text(row), verdict(row),
            row["spoiled"]]


def flood_cells(row):
    return [row["door"], "%d ms" % row["sleep_ms"], "%.1f ms" % row["alone_p99_ms"],
            "%.1f ms" % row["beside_p99_ms"], "%.2f (<= %d)" % (row["ratio"], TIMES_MOST),
            "%.0f" % row["flood_per_second"], "ok" if row["ratio"] <= TIMES_MOST else "missed"]


def tables(found):
    """[(title, lines)]."""
    made = []
    for is_told, title in ((True, "callers who wait for 1 s and say so"),
                           (False, "callers who wait for 3 s and do not say so")):
        rows = [cells_of(row) for row in found["overload"] if row["is_told"] == is_told]
        made.append((title, [HEAD, *rows]))
    made.append(("polite callers beside a flood", [FLOOD_HEAD, *map(flood_cells, found["floods"])]))
    return [(title, without_empty(lines)) for title, lines in made]


def without_empty(lines):
    kept = [at for at in range(len(lines[0])) if any(line[at] for line in lines[1:])]
    return [[line[at] for at in kept] for line in lines]


def as_text(found):
    out = []
    for title, lines in tables(found):
        widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
        out += ["", title] + ["  " + "  ".join(cell.ljust(width) for cell, width in
                                               zip(line, widths)).rstrip() for line in lines]
    return "\n".join(out)


def as_markdown(found):
    out = []
    for title, lines in tables(found):
        out += ["**%s**" % (title[0].upper() + title[1:]), "", "| %s |" % " | ".join(lines[0]),
                "|" + "---|" * len(lines[0])]
        out += ["| %s |" % " | ".join(line) for line in lines[1:]] + [""]
    return "\n".join(out).rstrip()


# ---- the picture ----

def series_of(rows, sleep_ms):
    """{name: [(times, share)]}: in the order of plot's styles."""
    found = {}
    for row in rows:
        if row["sleep_ms"] == sleep_ms:
            name = "%s, %s" % (row["who"], "told" if row["is_told"] else "not told")
            found.setdefault(name, []).append((row["times"], row["in_time_share"]))
    return {name: sorted(found[name]) for name in sorted(found, reverse=True)}


def draw(found):
    """The SVG's text: of what the server can do, how much was in time, over what was offered."""
    rows = found["overload"]
    sleeps = sorted({row["sleep_ms"] for row in rows})
    every = {sleep_ms: series_of(rows, sleep_ms) for sleep_ms in sleeps}
    names = list(every[sleeps[0]])
    width = plot.LEFT + len(sleeps) * (WIDTH + GAP)
    label = "Calls answered in time, of what the server can do, over what is offered"
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" '
           'aria-label="%s">' % (width, HEIGHT, escape(label)),
           "<style>%s</style>" % plot.STYLE, '<rect class="back" width="%d" height="%d"/>'
           % (width, HEIGHT), *plot.legend(names, names)]
    for at, sleep_ms in enumerate(sleeps):
        panel = plot.Panel(plot.LEFT + at * (WIDTH + GAP), "in time, handlers of %d ms" % sleep_ms,
                           every[sleep_ms], False, names, WIDTH, "times what it can do")
        out += [*panel.axes(), *panel.lines()]
    return "\n".join([*out, "</svg>"]) + "\n"
