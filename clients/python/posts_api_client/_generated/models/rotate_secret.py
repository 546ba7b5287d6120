from typing import NotRequired, TypedDict


class RotateSecret(TypedDict):
    """What to do with the previous secret."""

    expire_previous: NotRequired[bool]
    """Whether the current secret expires at once. If omitted, both secrets sign the requests for 24 hours."""
