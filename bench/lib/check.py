"""Checks before the measurements that all servers return the same data."""

import json
import re

from . import follower, seed
from .load import ENDPOINTS, decode
from .process import BenchmarkError
from .servers import OPTIONAL_FIELDS, TAGGED_READS

#: Frequent words, rare words, and pairs of words.
QUERIES = seed.queries()


class ResponseCheck:
    """Compares each server with the first one that is checked, in the fields that both promise."""

    def __init__(self, posts):
        self.posts, self.reference = posts, {}

    def same(self, running, what, value):
        known = self.reference.setdefault(what, value)
        if known != value:
            raise BenchmarkError(f"{running.server.name}: {what}: got {value}, expected {known}")

    def expect(self, running, what, status, expected=200):
        if status != expected:
            message = f"{running.server.name}: {what}: got status {status}, expected {expected}"
            raise BenchmarkError(f"{message}\n{running.log()}")

    def read_items(self, running, path):
        status, _, body = running.get(path)
        self.expect(running, path, status)
        return json.loads(body)["items"]

    def run(self, running):
        server = running.server
        if server.path != "/api/posts":
            status, _, body = running.get(server.path)
            self.expect(running, server.path, status)
            ids = [int(id) for id in re.findall(rb'data-id="(\d+)"', body)]
            self.same(running, "ids of the list", ids)
            return
        listed = self.read_items(running, "/api/posts")
        self.same(running, "ids of the list", [item["id"] for item in listed])
        self.same(running, "titles of the list", [item["title"] for item in listed])
        if len(listed) != 20 or any(not server.fields <= set(item) for item in listed):
            raise BenchmarkError(f"{server.name}: the list has {len(listed)} items with the fields {sorted(listed[0])}")
        for field in sorted(OPTIONAL_FIELDS & server.fields):
            values = [item[field] for item in listed]
            self.same(running, f"{field} in the list", values)
            if not any(values):
                raise BenchmarkError(f"{server.name}: no post of the list has {field}")
        if "one" in server.endpoints:
            self._reads(running)
        if "create" in server.endpoints:
            self._writes(running)

    def _reads(self, running):
        path = f"/api/posts/{self.posts // 4 * 2}"
        status, _, body = running.get(path)
        self.expect(running, path, status)
        one = json.loads(body)
        self.same(running, "post", (one["id"], one["slug"], one["title"], one["content"]))
        self.expect(running, "a draft", running.get("/api/posts/1")[0], 404)
        summaries = self.read_items(running, "/api/posts?view=summary")
        self.same(running, "ids of the summaries", [item["id"] for item in summaries])
        required = running.server.fields - {"content"}
        if any("content" in item or not item["excerpt"] or not required <= set(item) for item in summaries):
            raise BenchmarkError(f"{running.server.name}: the summaries have the fields {sorted(summaries[0])}")
        for word in QUERIES:
            self._search(running, word)
        for name in TAGGED_READS:
            if name in running.server.endpoints:
                self._tag(running, ENDPOINTS[name])
        if "list gzip" in running.server.endpoints:
            _, headers, body = running.get("/api/posts", {"Accept-Encoding": "gzip"})
            if headers.get("content-encoding") != "gzip" or decode(headers, body) != running.get("/api/posts")[2]:
                raise BenchmarkError(f"{running.server.name}: the compressed list differs: {headers}")
        if "follow" in running.server.endpoints:
            self._feed(running)

    def _search(self, running, query):
        """Compares the pages of both orders. Without `sort`, the service ranks and the peers order by id."""
        ids = lambda path: [item["id"] for item in self.read_items(running, path)]
        orders = {sort: ids(f"/api/posts?sort={sort}&q={query}") for sort in ("relevance", "-id")}
        for sort, found in orders.items():
            self.same(running, f"ids of the results for {query} by {sort}", found)
        default = "-id" if running.server.peer else "relevance"
        if ids(f"/api/posts?q={query}") != orders[default]:
            raise BenchmarkError(f"{running.server.name}: the results for {query} are not ordered by {default}")

    def _feed(self, running):
        """Follows the feed through all posts."""
        ids, path = [], follower.SUMMARIES
        while path:
            page = follower.wait_for_page(running, path)
            ids += [item["post"]["id"] for item in page["items"]]
            path = f"{follower.SUMMARIES}&cursor={page['cursor']}" if page["has_more"] else None
        if ids != list(range(2, self.posts + 1, 2)):
            raise BenchmarkError(f"{running.server.name}: the feed has {len(ids)} posts: {ids[:20]} …")

    def _tag(self, running, endpoint):
        items = self.read_items(running, f"/api/posts{endpoint.path}")
        self.same(running, f"ids of {endpoint.name}", [item["id"] for item in items])
        if len(items) != 20 or any(endpoint.tag not in item["tags"] for item in items):
            raise BenchmarkError(f"{running.server.name}: {endpoint.path}: {len(items)} items: {items}")

    def _writes(self, running):
        """Checks the writes on a new post, which ends as a draft."""
        given = {"title": "First title", "content": "word " * 100}
        if "create tags" in running.server.endpoints:
            given["tags"] = ["Rust", "C++", "databases"]
        status, _, body = running.request("POST", "/api/posts", given)
        self.expect(running, "create", status, 201)
        post = json.loads(body)
        has_tags = "tags" not in given or post["tags"] == given["tags"]
        if not running.server.fields <= set(post) or post["published"] or not has_tags:
            raise BenchmarkError(f"{running.server.name}: created {post}")
        path, version = f"/api/posts/{post['id']}", post["version"]
        steps = (
            ("POST", f"{path}/publish", None, ("published", True)),
            ("PATCH", path, {"title": "Second title"}, ("title", "Second title")),
            ("POST", f"{path}/unpublish", None, ("published", False)),
        )
        for method, path, body, (name, value) in steps:
            status, _, response = running.request(method, path, body)
            self.expect(running, f"{method} {path}", status)
            version += 1
            changed = json.loads(response)
            if changed[name] != value or changed["version"] != version:
                raise BenchmarkError(f"{running.server.name}: {method} {path} returned {changed}")
