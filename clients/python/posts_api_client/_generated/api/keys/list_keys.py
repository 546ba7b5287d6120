from ...models.api_keys import ApiKeys
from ...types import Request


def list_keys() -> Request[ApiKeys]:
    """List API keys"""
    return Request(
        "GET",
        "/api/keys",
        parse=ApiKeys.from_dict,
    )
