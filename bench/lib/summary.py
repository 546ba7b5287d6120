"""The first table of RESULTS.md: how much faster the service is than each peer on the same database."""

#: Title, endpoint, and whether the cache of the service is on.
ROWS = (
    ("list", "list", True),
    ("list, cache off", "list", False),
    ("one post", "one", True),
    ("one post, cache off", "one", False),
    ("search", "search", True),
    ("search, cache off", "search", False),
    ("search ranked, cache off", "search ranked", False),
    ("search by id, cache off", "search by id", False),
    ("95 % reads, 5 % writes", "mix", True),
    ("create a draft", "create", True),
    ("publish", "publish", True),
)
EXPLANATION = """How many times as many requests per second posts-api serves as each other server, on the same
database. **Bold**: posts-api is faster. It has its default settings, except in the rows with *cache off*. The other servers
have no cache."""


def ours(figures, endpoint, database, has_cache):
    return figures.of(endpoint, f"ours-{database}" + ("" if has_cache else "-nocache"))


def ratio(figures, endpoint, peer, has_cache):
    """Returns the throughput of the service relative to that of the peer, or None if one of them is missing or void."""
    results = ours(figures, endpoint, peer.database, has_cache), figures.of(endpoint, peer.name)
    if any(result is None or result.errors for result in results):
        return None
    return results[0].per_second / results[1].per_second


def cell(value):
    if value is None:
        return ""
    text = f"{value:.2f}" if value < 2 else f"{value:.1f}" if value < 10 else f"{value:.0f}"
    return f"**{text}**" if float(text) > 1 else text


def table(figures):
    peers = [server for server in figures.servers if server.peer]
    rows = []
    for title, endpoint, has_cache in ROWS:
        cells = [cell(ratio(figures, endpoint, peer, has_cache)) for peer in peers]
        if any(cells):
            rows.append([title, *cells])
    return ["times as fast as", *(peer.title for peer in peers)], rows
