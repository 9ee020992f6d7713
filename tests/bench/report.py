"""Puts results into core/PERFORMANCE.md, between its markers, and draws core/performance.svg. What
people wrote outside the markers stays.

    python tests/bench/report.py RESULTS.json... [--file core/PERFORMANCE.md]

Takes the files of run.py, others.py, syscalls.py and overload.py in any order, the last of which
has a picture of its own; parts without a file stay as they are. Of run.py the scenarios with
streams are a part of their own. The instructions' record is always taken.
"""

import argparse
import json
import os
import re

import instructions
import overload_report
import plot
import table

ROOT = os.path.dirname(os.path.dirname(instructions.HERE))


def machine_text(results):
    seconds = " of %g s" % results["seconds"] if "seconds" in results else ""
    rounds = "1 round" if results["rounds"] == 1 else "%d rounds" % results["rounds"]
    lines = ["Measured on %s, %s%s a row." % (results["date"], rounds, seconds), ""]
    lines += ["| machine | |", "|---|---|"]
    lines += ["| %s | %s |" % each for each in results["machine"].items()]
    return "\n".join(lines)


def results_text(results):
    parts = [machine_text(results)] + [table.as_markdown(each) for each in results["scenarios"]]
    return "\n\n".join(parts)


def overload_text(found):
    return machine_text(found) + "\n\n" + overload_report.as_markdown(found)


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


def is_of_streams(scenario):
    return scenario["name"].endswith("streams")


def parts_of(found):
    """{part of the report: what of a file it shows}."""
    kind = kind_of(found)
    if kind != "results":
        return {kind: found}
    split = {"streams": [each for each in found["scenarios"] if is_of_streams(each)],
             "results": [each for each in found["scenarios"] if not is_of_streams(each)]}
    return {part: {**found, "scenarios": each} for part, each in split.items() if each}


def kind_of(found):
    """Which part of the report a file is for."""
    if "kind" in found:
        return found["kind"]
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


TEXTS = {"system calls": syscalls_text, "overload": overload_text}


def pictures_of(kind, found):
    """{name of a file: its text}."""
    if kind == "overload":
        return {"overload.svg": overload_report.draw(found)}
    has_plot = kind == "results" and any(each["name"] == "connections"
                                         for each in found["scenarios"])
    return {"performance.svg": plot.draw(found)} if has_plot else {}


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
        for part, shown in parts_of(found).items():
            text = put(text, part, TEXTS.get(part, results_text)(shown))
            for name, drawn in pictures_of(part, shown).items():
                with open(os.path.join(os.path.dirname(options.file), name), "w") as file:
                    file.write(drawn)
    text = put(text, "instructions", instructions_text(instructions.read_record()))
    with open(options.file, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
