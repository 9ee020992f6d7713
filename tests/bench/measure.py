"""Rows of figures: interleaved rounds, medians, ratios to the floor of the same round."""

import statistics


class Row:
    """One line of the table: `run(seconds)` gives a dict of figures. `floor` is the row it is
    compared with; `targets` are bounds of ratios to it: {"per_second": (">=", 0.75)}; `limits` are
    bounds of the figures themselves."""

    def __init__(self, who, load, run, floor=None, targets=None, limits=None):
        self.who = who
        self.load = load
        self.run = run
        self.floor = floor
        self.targets = targets or {}
        self.limits = limits or {}
        self.rounds = []


def holds(value, bound):
    sign, limit = bound
    return value >= limit if sign == ">=" else value <= limit


def ratio(row, metric):
    """The median of the rounds' ratios to the floor; None where there is none."""
    pairs = [(mine.get(metric), floor.get(metric))
             for mine, floor in zip(row.rounds, row.floor.rounds)] if row.floor else []
    found = [mine / floor for mine, floor in pairs if mine is not None and floor]
    return statistics.median(found) if found else None


def summary(row, metrics):
    """What a row came to, as it stands in the results' file."""
    names = [name for name in row.rounds[0] if isinstance(row.rounds[0][name], (int, float))]
    values = {name: statistics.median(each[name] for each in row.rounds) for name in names}
    ratios = {name: ratio(row, name) for name in metrics}
    ratios = {name: round(value, 3) for name, value in ratios.items() if value is not None}
    missed = [name for name, bound in row.targets.items()
              if name in ratios and not holds(ratios[name], bound)]
    missed += [name for name, bound in row.limits.items() if not holds(values[name], bound)]
    return {"who": row.who, "load": row.load, "values": values, "ratios": ratios,
            "targets": row.targets, "limits": row.limits, "missed": missed}


def measure(rows, rounds, seconds, metrics, report=None):
    """Runs every row once a round, so that a slow minute hits them all; their summaries."""
    for number in range(rounds):
        for row in rows:
            row.rounds.append(row.run(seconds))
            if report:
                report(number, row)
    return [summary(row, metrics) for row in rows]
