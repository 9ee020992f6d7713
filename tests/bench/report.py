"""Puts results into core/PERFORMANCE.md, between its markers, and draws core/performance.svg. What
people wrote outside the markers stays.

    python tests/bench/report.py RESULTS.json... [--file core/PERFORMANCE.md]

Takes the files of run.py, others.py and syscalls.py in any order; parts without a file stay as they
are. The instructions' record is always taken.
"""

import argparse
import json
import os
import re

import instructions
import plot
import table

ROOT = os.path.dirname(os.path.dirname(instructions.HERE))


def machine_text(results):
    lines = ["Measured on %s, %d rounds of %g s a row." % (results["date"], results["rounds"],
                                                           results["seconds"]), ""]
    lines += ["| machine | |", "|---|---|"]
    lines += ["| %s | %s |" % each for each in results["machine"].items()]
    return "\n".join(lines)


def results_text(results):
    parts = [machine_text(results)] + [table.as_markdown(each) for each in results["scenarios"]]
    return "\n\n".join(parts)


def syscalls_text(found):
    lines = ["Traced on %s." % found["date"], "", "| who | load | per request | which |",
             "|---|---|---:|---|"]
    for row in found["rows"]:
        calls = ", ".join("%s %.2f" % each for each in row["per_request"].items())
        lines.append("| %s | %s | %.2f | %s |" % (row["who"], row["load"],
                                                  sum(row["per_request"].values()), calls))
    return "\n".join(lines)


def instructions_text(record):
    names = sorted(record)
    lines = ["| | %s |" % " | ".join(names), "|---|" + "---:|" * len(names)]
    for figure, text in instructions.FIGURES.items():
        cells = [str(record[name].get(figure, "")) for name in names]
        lines.append("| %s | %s |" % (text, " | ".join(cells)))
    return "\n".join(lines)


def kind_of(found):
    """Which part of the report a file is for."""
    if "rows" in found:
        return "system calls"
    is_others = all(each["name"].startswith("others-") for each in found["scenarios"])
    return "side by side" if is_others else "results"


def put(text, part, content):
    """The report with one part's content between its markers."""
    pattern = r"(<!-- measured: %s -->\n).*?(<!-- end -->)" % re.escape(part)
    if not re.search(pattern, text, re.S):
        raise ValueError("the report has no markers for: " + part)
    return re.sub(pattern, lambda found: found.group(1) + "\n" + content + "\n\n" + found.group(2),
                  text, flags=re.S)


def has_plot(results):
    return any(each["name"] == "connections" for each in results["scenarios"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="+", metavar="RESULTS.json")
    parser.add_argument("--file", default=os.path.join(ROOT, "core", "PERFORMANCE.md"))
    options = parser.parse_args()
    with open(options.file) as file:
        text = file.read()
    for path in options.results:
        with open(path) as file:
            found = json.load(file)
        kind = kind_of(found)
        text = put(text, kind, syscalls_text(found) if kind == "system calls"
                   else results_text(found))
        if kind == "results" and has_plot(found):
            with open(os.path.join(os.path.dirname(options.file), "performance.svg"), "w") as file:
                file.write(plot.draw(found))
    text = put(text, "instructions", instructions_text(instructions.read_record()))
    with open(options.file, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
