from typing import Literal, cast

BatchItemResult = Literal["created", "replaced", "skipped", "unchanged"]


def check_batch_item_result(value: str) -> BatchItemResult:
    """Accepts every value: a newer service may return more."""
    return cast(BatchItemResult, value)
