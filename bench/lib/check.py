"""Before anything is timed: do all servers answer the same?"""

import json
import re

from . import seed
from .process import Failed

FIELDS = {"id", "slug", "title", "content", "published", "published_at", "scheduled_for", "created_at", "updated_at",
          "version"}
WORDS = seed.queries()[:2] + seed.queries()[15:17] + seed.queries()[-2:]


class Check:
    """The first server that is checked says what the others must answer."""

    def __init__(self, posts):
        self.posts, self.reference = posts, {}

    def same(self, running, what, value):
        known = self.reference.setdefault(what, value)
        if known != value:
            raise Failed(f"{running.server.name} answers another {what}: {value} where {known} was expected")

    def expect(self, running, what, status, expected=200):
        if status != expected:
            raise Failed(f"{running.server.name}: {what} answered {status}, not {expected}\n{running.log()}")

    def items(self, running, path):
        status, _, body = running.get(path)
        self.expect(running, path, status)
        return json.loads(body)["items"]

    def all(self, running):
        server = running.server
        if server.path != "/api/posts":
            status, _, body = running.get(server.path)
            self.expect(running, server.path, status)
            ids = [int(id) for id in re.findall(rb'data-id="(\d+)"', body)]
            self.same(running, "ids of the list", ids)
            return
        listed = self.items(running, "/api/posts")
        self.same(running, "ids of the list", [item["id"] for item in listed])
        self.same(running, "titles of the list", [item["title"] for item in listed])
        if len(listed) != 20 or any(set(item) != FIELDS for item in listed):
            raise Failed(f"{server.name}: the list has {len(listed)} items with {sorted(listed[0])}")
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
        summaries = self.items(running, "/api/posts?view=summary")
        self.same(running, "ids of the summaries", [item["id"] for item in summaries])
        if any(set(item) != FIELDS - {"content"} | {"excerpt"} or not item["excerpt"] for item in summaries):
            raise Failed(f"{running.server.name}: summaries have {sorted(summaries[0])}")
        for word in WORDS:
            self.same(running, f"number of posts with {word}", len(self.items(running, f"/api/posts?q={word}")))

    def _writes(self, running):
        """On a post of its own, which stays a draft."""
        status, _, body = running.ask("POST", "/api/posts", {"title": "A check, once", "content": "word " * 100})
        self.expect(running, "create", status, 201)
        post = json.loads(body)
        if set(post) != FIELDS or post["published"]:
            raise Failed(f"{running.server.name}: created {post}")
        path, version = f"/api/posts/{post['id']}", post["version"]
        steps = (
            ("POST", f"{path}/publish", None, ("published", True)),
            ("PATCH", path, {"title": "A check, twice"}, ("title", "A check, twice")),
            ("POST", f"{path}/unpublish", None, ("published", False)),
        )
        for method, path, body, (name, value) in steps:
            status, _, answer = running.ask(method, path, body)
            self.expect(running, f"{method} {path}", status)
            version += 1
            changed = json.loads(answer)
            if changed[name] != value or changed["version"] != version:
                raise Failed(f"{running.server.name}: {method} {path} answered {changed}")
