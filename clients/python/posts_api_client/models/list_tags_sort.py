from enum import StrEnum


class ListTagsSort(StrEnum):
    NAME = "name"
    VALUE_1 = "-posts"

    def __str__(self) -> str:
        return str(self.value)
