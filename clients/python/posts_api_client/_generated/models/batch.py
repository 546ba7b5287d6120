from typing import NotRequired, TypedDict

from ..models.batch_on_conflict import BatchOnConflict
from ..models.create_post import CreatePost


class Batch(TypedDict):
    """Posts to store together, all or none."""

    posts: list[CreatePost]
    """1 to 500 posts. No two may request the same slug."""

    on_conflict: NotRequired[BatchOnConflict]
    """What happens to a post whose slug is in use: `error` rejects the whole batch, `skip` leaves the
    existing post unchanged, and `replace` replaces it. If omitted, the batch is rejected."""
