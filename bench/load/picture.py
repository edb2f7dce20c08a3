"""The ratios as a picture: bars against nginx, which is the line at 1. Shorter is better.

One self-contained SVG for the README: it brings its own background and takes its colours from the reader's scheme.
"""

from __future__ import annotations

from html import escape

from peers import REFERENCE
from summary import Line, Result

WIDTH, LEFT, RIGHT = 860, 250, 150
BAR, GAP, BETWEEN, TOP, BOTTOM = 14, 3, 16, 74, 44
CLIP = 2.0  # a longer bar is cut; its figure tells

STYLE = """
  .page { fill: #ffffff; stroke: #d8dee4 }
  .title { font-size: 16px; font-weight: 600; fill: #1f2328 }
  .text { fill: #1f2328 } .quiet { fill: #656d76 }
  .grid { stroke: #d8dee4; stroke-width: 1 }
  .one { stroke: #1f2328; stroke-width: 1.5 }
  .weir { fill: #0969da } .other0 { fill: #8c959f } .other1 { fill: #b08a5b } .other2 { fill: #7f9c77 }
  .other3 { fill: #a583ad } .figure { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; stroke: #30363d }
    .title, .text { fill: #e6edf3 } .quiet { fill: #8d96a0 }
    .grid { stroke: #30363d } .one { stroke: #e6edf3 }
    .weir { fill: #4493f8 } .other0 { fill: #6e7681 } .other1 { fill: #a3794a } .other2 { fill: #648a5b }
    .other3 { fill: #8d6b96 }
  }
"""


def svg(results: list[Result], subtitle: str) -> str | None:
    """None when there is no ratio to draw."""
    rows = [(r, [x for x in r.lines if x.to_reference and x.subject.peer.proxies]) for r in results if not r.row.pairs]
    rows = [(r, lines) for r, lines in rows if lines]
    if not rows:
        return None
    others = [p for p in dict.fromkeys(x.subject.peer.name for _, lines in rows for x in lines) if p != "weir"]
    classes = {"weir": "weir"} | {name: f"other{i % 4}" for i, name in enumerate(others)}
    longest = max(x.to_reference.median for _, lines in rows for x in lines if x.to_reference)
    span = min(CLIP, max(1.25, longest)) * 1.02
    body: list[str] = []
    y = TOP
    for result, lines in rows:
        body += _group(result, lines, y, span, classes)
        y += len(lines) * (BAR + GAP) + BETWEEN
    height = y - BETWEEN + BOTTOM
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="Cost against {REFERENCE}" font-family="system-ui, -apple-system, \'Segoe UI\', Roboto, '
        f'\'Helvetica Neue\', Arial, sans-serif" font-size="13">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        f'<text class="title" x="20" y="30">Cost against {REFERENCE} (shorter is better)</text>',
        f'<text class="quiet" x="20" y="50" font-size="12">{escape(subtitle)}</text>',
        *_legend(["weir", *others] if any(x.subject.peer.name == "weir" for _, ls in rows for x in ls) else others,
                 classes),
        *_grid(span, TOP - 8, height - BOTTOM + 6), *body, _one(span, TOP - 8, height - BOTTOM + 6), "</svg>", ""])


def _x(ratio: float, span: float) -> float:
    return LEFT + min(ratio, span) / span * (WIDTH - LEFT - RIGHT)


def _legend(names: list[str], classes: dict[str, str]) -> list[str]:
    parts, x = [], WIDTH - 20 - 86 * len(names)
    for name in names:
        parts.append(f'<rect class="{classes[name]}" x="{x}" y="20" width="12" height="12" rx="2"/>')
        parts.append(f'<text class="text" x="{x + 17}" y="30">{escape(name)}</text>')
        x += 86
    return parts


def _grid(span: float, top: float, bottom: float) -> list[str]:
    parts = []
    for quarter in range(int(span / 0.25) + 1):
        ratio = quarter * 0.25
        x = _x(ratio, span)
        if ratio != 1.0:
            parts.append(f'<line class="grid" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}"/>')
        if quarter % 2 == 0 and ratio != 1.0:
            parts.append(f'<text class="quiet" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{ratio:g}</text>')
    return parts


def _one(span: float, top: float, bottom: float) -> str:
    x = _x(1.0, span)
    return (f'<line class="one" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}"/>'
            f'<text class="text" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{REFERENCE} = 1</text>')


def _group(result: Result, lines: list[Line], y: float, span: float, classes: dict[str, str]) -> list[str]:
    middle = y + len(lines) * (BAR + GAP) / 2 + 3
    parts = [f'<text class="text" x="{LEFT - 12}" y="{middle:.1f}" text-anchor="end">{escape(result.row.title)}</text>']
    for x in sorted(lines, key=lambda line: line.subject.peer.name != "weir"):
        assert x.to_reference is not None
        ratio = x.to_reference.median
        end = _x(ratio, span)
        parts.append(f'<rect class="{classes[x.subject.peer.name]}" x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" '
                     f'height="{BAR}" rx="2"/>')
        cut = " (cut)" if ratio > span else ""
        weight = " figure" if x.subject.peer.name == "weir" else ""
        at = max(end, _x(1.0, span)) + 8
        parts.append(f'<text class="text{weight}" x="{at:.1f}" y="{y + BAR - 2.5}" font-size="12">{ratio:.2f}'
                     f'<tspan class="quiet" font-weight="400"> · {_figure(result, x)}{cut}</tspan></text>')
        y += BAR + GAP
    return parts


def _figure(result: Result, line: Line) -> str:
    value = line.median("value") or 0.0
    if result.row.idle:
        return f"{value / 1024:.2f} KiB"
    return f"{value:.1f} µs" if value < 100 else f"{value:.0f} µs"
