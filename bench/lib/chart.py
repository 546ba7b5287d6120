"""Draws requests per second as SVG bar charts that adapt to light and dark pages."""

from html import escape

from .process import BENCH

DEFAULT, CACHE_OFF = "default settings", "cache off"
#: Endpoint, title, and which rows of the service the panel shows. The peers have no cache.
PANELS = (
    ("list", "List of 20 posts", DEFAULT),
    ("list", "List of 20 posts, cache off", CACHE_OFF),
    ("one", "One post, cache off", CACHE_OFF),
    ("search ranked", "Ranked search, cache off", CACHE_OFF),
    ("mix", "95 % reads, 5 % writes", DEFAULT),
    ("create", "Create a draft", DEFAULT),
)
COLUMNS, WIDTH, GAP, LABELS, BAR, ROW, HEAD, SPACE = 2, 485, 20, 255, 165, 22, 40, 16
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .head { font-weight: 600 }
  .ours { fill: #2f7d5b } .peer { fill: #7d8590 } .ceiling { fill: #b08030 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .ours { fill: #4fb286 } .peer { fill: #8b949e } .ceiling { fill: #d0a050 }
  }
"""


def is_shown(server, kind):
    if server.peer:
        return True
    if server.build == "ceiling":
        return kind == DEFAULT
    return server.name.endswith("-nocache") == (kind == CACHE_OFF)


def label(server):
    """The title without what the title of the panel says."""
    if server.build == "ceiling":
        return "bare actix, no database"
    return server.title.removesuffix(f", {CACHE_OFF}")


def panel(figures, endpoint, title, kind, x, y):
    """Returns the elements of a panel, and its height."""
    measured = [(server, figures.of(endpoint, server.name)) for server in figures.servers if is_shown(server, kind)]
    measured = [(server, result.per_second) for server, result in measured if result and not result.errors]
    if not measured:
        return [], 0
    maximum = max(rate for _, rate in measured)
    body = [f'<text class="head" x="{x}" y="{y + 18}">{escape(title)}, requests/s</text>']
    for number, (server, rate) in enumerate(measured):
        top = y + HEAD - 8 + ROW * number
        kind = "ceiling" if server.build == "ceiling" else "peer" if server.peer else "ours"
        width = max(1, BAR * rate / maximum)
        body.append(f'<text x="{x + LABELS - 8}" y="{top + 12}" text-anchor="end">{escape(label(server))}</text>')
        body.append(f'<rect class="{kind}" x="{x + LABELS}" y="{top}" width="{width:.0f}" height="16" rx="2"/>')
        body.append(f'<text x="{x + LABELS + width + 8:.0f}" y="{top + 12}">{rate:,.0f}</text>')
    return body, HEAD + ROW * len(measured) + SPACE


def draw(figures):
    body, top, heights = [], 8, []
    for number, (endpoint, title, kind) in enumerate(PANELS):
        if number % COLUMNS == 0:
            top, heights = top + max(heights, default=0), []
        elements, height = panel(figures, endpoint, title, kind, number % COLUMNS * (WIDTH + GAP), top)
        body += elements
        heights.append(height)
    width, height = COLUMNS * WIDTH + (COLUMNS - 1) * GAP, top + max(heights)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    description = "<title>Requests per second of posts-api and its peers, with the cache on and off</title>"
    return "\n".join([head, description, f"<style>{STYLE}</style>", *body, "</svg>"]) + "\n"


def write(figures):
    (BENCH / "results.svg").write_text(draw(figures))
