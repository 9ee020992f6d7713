"""Prints results as text or as Markdown."""

UNITS = {
    "per_second": ("req/s", "%.0f"),
    "cpu_us": ("server CPU us", "%.2f"),
    "p50_us": ("p50 us", "%.0f"),
    "p99_us": ("p99 us", "%.0f"),
    "mean_us": ("mean us", "%.1f"),
    "load_cpu_us": ("load's CPU us", "%.2f"),
    "client_cpu_us": ("client CPU us", "%.2f"),
    "mb_per_second": ("MiB/s", "%.0f"),
    "pss_mb": ("PSS MiB", "%.1f"),
    "limit_mb": ("allowed MiB", "%.1f"),
    "over_echo": ("CPU / echo's", "%.2f"),
    "of_limit": ("of what is allowed", "%.2f"),
    "connection_bytes": ("bytes each", "%.0f"),
    "little": ("rate x mean / conns", "%.3f"),
    "unsent": ("unsent", "%.0f"),
    "request_bytes": ("request bytes", "%.0f"),
    "reply_bytes": ("reply bytes", "%.0f"),
    "big_per_second": ("big frames/s", "%.0f"),
    "parts_per_second": ("parts/s", "%.0f"),
}


def bound_text(bound):
    return "%s %g" % tuple(bound)


def cells_of(row, metrics):
    """The texts of one row: who, load, figures, ratios with their targets."""
    cells = [row["who"], row["load"]]
    for metric in metrics["figures"]:
        value = row["values"].get(metric)
        cells.append("" if value is None else UNITS[metric][1] % value)
        bound = row["limits"].get(metric)
        if bound:
            cells[-1] += " (%s)" % bound_text(bound)
    for metric in metrics["ratios"]:
        value = row["ratios"].get(metric)
        bound = row["targets"].get(metric)
        text = "" if value is None else "%.2f" % value
        cells.append(text + (" (%s)" % bound_text(bound) if bound and text else ""))
    cells.append("missed" if row["missed"] else "ok" if row["targets"] or row["limits"] else "")
    return cells


def header_of(metrics):
    return (["who", "load"] + [UNITS[each][0] for each in metrics["figures"]]
            + ["x %s: %s" % (metrics["floor"], UNITS[each][0]) for each in metrics["ratios"]]
            + ["target"])


def lines_of(scenario):
    """Header and rows; columns that are empty throughout are left out."""
    lines = [header_of(scenario["metrics"])]
    lines += [cells_of(row, scenario["metrics"]) for row in scenario["rows"]]
    kept = [at for at in range(len(lines[0])) if any(line[at] for line in lines[1:])]
    return [[line[at] for at in kept] for line in lines]


def as_text(scenario):
    lines = lines_of(scenario)
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    out = ["", "%s: %s" % (scenario["name"], scenario["title"])]
    for line in lines:
        out.append("  " + "  ".join(
            cell.ljust(width) if at < 2 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths))).rstrip())
    return "\n".join(out)


def as_markdown(scenario):
    lines = lines_of(scenario)
    out = ["**%s** (`%s`)" % (scenario["title"], scenario["name"]), ""]
    out.append("| %s |" % " | ".join(lines[0]))
    out.append("|" + "|".join("---" if at < 2 else "---:" for at in range(len(lines[0]))) + "|")
    out += ["| %s |" % " | ".join(line) for line in lines[1:]]
    return "\n".join(out)
