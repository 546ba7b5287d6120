from enum import StrEnum


class ListPostsSort(StrEnum):
    ID = "id"
    PUBLISHED_AT = "published_at"
    RELEVANCE = "relevance"
    TITLE = "title"
    UPDATED_AT = "updated_at"
    VALUE_0 = "-id"
    VALUE_2 = "-published_at"
    VALUE_4 = "-updated_at"
    VALUE_7 = "-title"

    def __str__(self) -> str:
        return str(self.value)
