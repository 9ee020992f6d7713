"""Draws throughput and server CPU per request over connections, as SVG, from the results of run.py.

    python tests/bench/plot.py results.json > core/performance.svg
"""

import json
import math
import sys
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 860, 400
PANEL_WIDTH, PANEL_HEIGHT = 320, 260
TOP, LEFT, GAP = 62, 70, 100
SERIES = ["libuv echo", "Dora, C", "Dora, Python", "Dora, PHP"]
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; font-size: 13px; }
.axis { stroke: #57606a; stroke-width: 1; fill: none; }
.grid { stroke: #d0d7de; stroke-width: 1; }
.line { fill: none; stroke-width: 2; }
.s0 { stroke: #6e7781; } .s1 { stroke: #0969da; } .s2 { stroke: #bc4c00; } .s3 { stroke: #1a7f37; }
.line.s0 { stroke-dasharray: 6 4; }
.mark { stroke-width: 2; fill: #ffffff; }
.back { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.axis { stroke: #8b949e; } .grid { stroke: #30363d; }
.s0 { stroke: #8b949e; } .s1 { stroke: #58a6ff; } .s2 { stroke: #f0883e; } .s3 { stroke: #3fb950; }
.mark, .back { fill: #0d1117; }
}
"""


def points_of(results, metric):
    """{who: [(connections, value)]}."""
    found = {}
    for scenario in results["scenarios"]:
        if scenario["name"] == "connections":
            for row in scenario["rows"]:
                found.setdefault(row["who"], []).append(
                    (int(row["load"].split("x")[0]), row["values"][metric]))
    return {who: sorted(found[who]) for who in SERIES if who in found}


def number(value):
    return "%dk" % (value / 1000) if value >= 1000 and value % 1000 == 0 else "%g" % value


def steps_linear(largest):
    """Round numbers from 0 to the first that is not below the largest."""
    rough = largest / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough)
    return [step * i for i in range(int(math.ceil(largest / step)) + 1)]


def steps_log(smallest, largest):
    steps = [each * 10 ** power for power in range(-1, 6) for each in (1, 2, 5)]
    low = max(each for each in steps if each <= smallest)
    high = min(each for each in steps if each >= largest)
    return [each for each in steps if low <= each <= high]


class Panel:
    """One plot: a count to the right on a logarithmic axis, a metric upwards. `names` are those of
    all series, in the order of their styles."""

    def __init__(self, left, title, series, is_log, names, width, below):
        self.left = left
        self.title = title
        self.series = series
        self.names = names
        self.width = width
        self.below = below
        values = [value for points in series.values() for _, value in points]
        self.counts = sorted({count for points in series.values() for count, _ in points})
        self.is_log = is_log
        self.steps = steps_log(min(values), max(values)) if is_log else steps_linear(max(values))

    def x(self, count):
        low, high = math.log(self.counts[0]), math.log(self.counts[-1])
        share = (math.log(count) - low) / (high - low) if high > low else 0.5
        return self.left + share * self.width

    def y(self, value):
        low, high = self.steps[0], self.steps[-1]
        if self.is_log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return TOP + PANEL_HEIGHT * (1 - (value - low) / (high - low))

    def axes(self):
        bottom, right = TOP + PANEL_HEIGHT, self.left + self.width
        yield '<text class="title" x="%g" y="%g">%s</text>' % (self.left, TOP - 14,
                                                               escape(self.title))
        for step in self.steps:
            y = self.y(step)
            yield '<line class="grid" x1="%g" y1="%.1f" x2="%g" y2="%.1f"/>' % (self.left, y,
                                                                               right, y)
            yield '<text text-anchor="end" x="%g" y="%.1f">%s</text>' % (self.left - 8, y + 4,
                                                                         number(step))
        for count in self.counts:
            x = self.x(count)
            yield '<line class="axis" x1="%.1f" y1="%g" x2="%.1f" y2="%g"/>' % (x, bottom, x,
                                                                               bottom + 5)
            yield '<text text-anchor="middle" x="%.1f" y="%g">%g</text>' % (x, bottom + 20, count)
        yield '<path class="axis" d="M%g %gV%gH%g"/>' % (self.left, TOP, bottom, right)
        yield '<text text-anchor="middle" x="%g" y="%g">%s</text>' % (
            self.left + self.width / 2, bottom + 42, escape(self.below))

    def lines(self):
        for who, points in self.series.items():
            kind = self.names.index(who)
            places = [(self.x(count), self.y(value)) for count, value in points]
            yield '<polyline class="line s%d" points="%s"/>' % (
                kind, " ".join("%.1f,%.1f" % place for place in places))
            for (x, y), (count, value) in zip(places, points):
                yield '<circle class="mark s%d" cx="%.1f" cy="%.1f" r="3"><title>%s</title>' \
                    "</circle>" % (kind, x, y, escape("%s, %g %s: %.6g" % (
                        who, count, self.below.split(",")[0], value)))


def legend(shown, names):
    at = LEFT
    for who in shown:
        kind = names.index(who)
        yield '<line class="line s%d" x1="%g" y1="18" x2="%g" y2="18"/>' % (kind, at, at + 28)
        yield '<circle class="mark s%d" cx="%g" cy="18" r="3"/>' % (kind, at + 14)
        yield '<text x="%g" y="22">%s</text>' % (at + 36, escape(who))
        at += 36 + 8 * len(who) + 24


def draw(results):
    """The SVG's text."""
    speed, cost = points_of(results, "per_second"), points_of(results, "cpu_us")
    if not speed:
        raise ValueError("the results have no scenario `connections`")
    more = (SERIES, PANEL_WIDTH, "connections, one call each")
    panels = [Panel(LEFT, "requests per second", speed, False, *more),
              Panel(LEFT + PANEL_WIDTH + GAP, "server CPU per request, microseconds", cost, True,
                    *more)]
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" '
           'aria-label="Throughput and server CPU per request over connections">' % (WIDTH, HEIGHT),
           "<style>%s</style>" % STYLE, '<rect class="back" width="%d" height="%d"/>'
           % (WIDTH, HEIGHT), *legend(speed, SERIES)]
    for panel in panels:
        out += [*panel.axes(), *panel.lines()]
    return "\n".join([*out, "</svg>"]) + "\n"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: plot.py RESULTS.json > performance.svg")
    with open(sys.argv[1]) as file:
        sys.stdout.write(draw(json.load(file)))


if __name__ == "__main__":
    main()
