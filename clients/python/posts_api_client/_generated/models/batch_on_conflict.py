from typing import Literal, cast

BatchOnConflict = Literal["error", "replace", "skip"]


def check_batch_on_conflict(value: str) -> BatchOnConflict:
    """Accepts every value: a newer service may return more."""
    return cast(BatchOnConflict, value)
