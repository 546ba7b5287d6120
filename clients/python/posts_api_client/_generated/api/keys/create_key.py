from ...models.create_api_key import CreateApiKey
from ...models.created_api_key import CreatedApiKey
from ...types import Request


def create_key(
    body: CreateApiKey,
) -> Request[CreatedApiKey]:
    """Create an API key"""
    return Request(
        "POST",
        "/api/keys",
        parse=CreatedApiKey.from_dict,
        body=body,
    )
