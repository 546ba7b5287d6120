from enum import StrEnum


class BatchOnConflict(StrEnum):
    ERROR = "error"
    REPLACE = "replace"
    SKIP = "skip"

    def __str__(self) -> str:
        return str(self.value)
