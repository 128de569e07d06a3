"""What was measured, as a table and as a picture."""

import html
import statistics

UNITS = {"s": (1, "s", 3), "ms": (1000, "ms", 1), "MiB": (1, "MiB", 1)}


class Line:
    """One judgement: a value of ours, and what it is compared with."""

    def __init__(self, name, unit, target, compared, note=""):
        self.name = name
        self.unit = unit
        self.target = target
        self.compared = compared  # False: the target is a value, not a ratio
        self.note = note  # why nothing was measured
        self.ours = []  # a value for each run
        self.limit = []  # the same of what it is compared with, for the same work
        self.peak_mib = None  # of ours
        self.others = None  # processors that were busy with something else, at most

    @property
    def ratio(self):
        return statistics.median(self.ours) / statistics.median(self.limit) if self.ours and self.limit else None

    @property
    def fastest_ratio(self):
        """Of the smallest values: what a busy machine disturbs least."""
        return min(self.ours) / min(self.limit) if self.ours and self.limit else None

    @property
    def verdict(self):
        if not self.ours:
            return self.note
        value = self.ratio if self.compared else statistics.median(self.ours)
        return "met" if value <= self.target else "missed"

    def cells(self):
        target = f"<= {self.target:g}" if self.compared else f"<= {_with_unit(self.target, self.unit, 0)}"
        return [self.name, _spread(self.ours, self.unit), _spread(self.limit, self.unit), _shown(self.ratio, 2), target,
                self.verdict, _shown(self.fastest_ratio, 2), _shown(self.peak_mib, 0), _shown(self.others, 1)]


def _shown(value, digits):
    return "" if value is None else f"{value:.{digits}f}"


def _with_unit(value, unit, digits):
    scale, name, _ = UNITS[unit]
    return f"{value * scale:.{digits}f} {name}"


def _spread(values, unit):
    if not values:
        return ""
    scale, _, digits = UNITS[unit]
    median = _with_unit(statistics.median(values), unit, digits)
    if len(values) == 1:
        return median
    return f"{median} ({min(values) * scale:.{digits}f}..{max(values) * scale:.{digits}f})"


HEAD = ["row", "landfall", "compared with", "ratio", "target", "", "fastest", "MiB", "others"]
RIGHT_ALIGNED = {3, 6, 7, 8}


def table(lines):
    rows = [HEAD] + [line.cells() for line in lines]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    text = ""
    for row in rows:
        cells = [cell.rjust(width) if i in RIGHT_ALIGNED else cell.ljust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        text += "  ".join(cells).rstrip() + "\n"
    return text


def markdown(lines, heading):
    """The table for a README, without what only the one who measures needs to see."""
    columns = 6
    rows = [HEAD[:columns], ["---"] * columns] + [line.cells()[:columns] for line in lines]
    return f"{heading}\n\n" + "".join("| " + " | ".join(row) + " |\n" for row in rows)


STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: bold; } .small { font-size: 11px; fill: #57606a; }
  .met { fill: #2da44e; } .missed { fill: #bf8700; }
  .target { stroke: #24292f; stroke-width: 2; } .one { stroke: #8c959f; stroke-dasharray: 2 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; }
    .met { fill: #3fb950; } .missed { fill: #d29922; }
    .target { stroke: #e6edf3; } .one { stroke: #656c76; }
  }
"""


def chart(lines, title, subtitle):
    """The ratios as bars, each with its target, as SVG."""
    lines = [line for line in lines if line.ratio is not None]
    left, width, step, top = 190, 400, 22, 62
    longest = max([2.0] + [line.target for line in lines] + [min(line.ratio, 4.0) for line in lines])

    def x(ratio):
        return left + width * min(ratio, longest) / longest

    bottom = top + step * len(lines)
    parts = [f'<text x="12" y="22" class="title">{html.escape(title)}</text>',
             f'<text x="12" y="40" class="small">{html.escape(subtitle)}</text>',
             f'<line x1="{x(1):.1f}" y1="{top - 8}" x2="{x(1):.1f}" y2="{bottom}" class="one"/>']
    for i, line in enumerate(lines):
        y = top + step * i
        target = x(line.target)
        parts.append(
            f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{html.escape(line.name)}</text>'
            f'<rect x="{left}" y="{y + 2}" width="{x(line.ratio) - left:.1f}" height="13" class="{line.verdict}"/>'
            f'<line x1="{target:.1f}" y1="{y}" x2="{target:.1f}" y2="{y + 17}" class="target"/>'
            f'<text x="{max(x(line.ratio), target) + 6:.1f}" y="{y + 12}">{line.ratio:.2f}</text>')
    parts.append(f'<text x="{left}" y="{bottom + 16}" class="small">bar: time (or what the row names) over what it is '
                 f'compared with; mark: the target</text>')
    body = "\n  ".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 60}" height="{bottom + 28}" role="img">\n'
            f'  <title>{html.escape(title)}</title>\n  <style>{STYLE}  </style>\n  {body}\n</svg>\n')
