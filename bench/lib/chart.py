"""Draws requests per second as an SVG bar chart that adapts to light and dark pages."""

from html import escape

from .process import BENCH

PANELS = (
    ("list", "List of 20 posts, requests/s"),
    ("one", "One post, requests/s"),
    ("create", "Create a draft, requests/s"),
)
WIDTH, LABELS, BAR, ROW, HEAD = 860, 290, 470, 22, 40
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .head { font-weight: 600 }
  .ours { fill: #2f7d5b } .peer { fill: #7d8590 } .ceiling { fill: #b08030 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .ours { fill: #4fb286 } .peer { fill: #8b949e } .ceiling { fill: #d0a050 }
  }
"""


def write(figures):
    body, y = [], 10
    for endpoint, title in PANELS:
        measured = [(server, figures.of(endpoint, server.name)) for server in figures.servers]
        measured = [(server, result.per_second) for server, result in measured if result and not result.errors]
        if not measured:
            continue
        maximum = max(rate for _, rate in measured)
        body.append(f'<text class="head" x="0" y="{y + 18}">{escape(title)}</text>')
        y += HEAD
        for server, rate in measured:
            kind = "ceiling" if server.build == "ceiling" else "peer" if server.peer else "ours"
            width = max(1, BAR * rate / maximum)
            body.append(f'<text x="{LABELS - 8}" y="{y + 12}" text-anchor="end">{escape(server.title)}</text>')
            body.append(f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{width:.0f}" height="16" rx="2"/>')
            body.append(f'<text x="{LABELS + width + 8:.0f}" y="{y + 12}">{rate:,.0f}</text>')
            y += ROW
        y += 14
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img">'
    description = "<title>Requests per second of posts-api and its peers</title>"
    (BENCH / "results.svg").write_text(
        "\n".join([head, description, f"<style>{STYLE}</style>", *body, "</svg>"]) + "\n"
    )
