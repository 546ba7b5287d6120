from enum import StrEnum


class ListPostsCount(StrEnum):
    ESTIMATED = "estimated"
    EXACT = "exact"
    NONE = "none"

    def __str__(self) -> str:
        return str(self.value)
