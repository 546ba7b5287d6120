from enum import StrEnum


class BatchItemResult(StrEnum):
    CREATED = "created"
    REPLACED = "replaced"
    SKIPPED = "skipped"
    UNCHANGED = "unchanged"

    def __str__(self) -> str:
        return str(self.value)
