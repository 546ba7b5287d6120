import datetime
from typing import NotRequired, TypedDict

from ..models.create_api_key_role import CreateApiKeyRole


class CreateApiKey(TypedDict):
    """The parameters of a new API key."""

    name: str
    """What the key is used for: 1 to 100 characters. Surrounding white space is removed."""

    role: CreateApiKeyRole
    """What an API key permits: `reader` reads drafts, `editor` also changes posts, `admin` also manages
    API keys and webhooks."""

    expires_at: NotRequired[datetime.datetime | str | None]
    """When the key expires: a time in the future. If omitted or null, it does not expire."""
