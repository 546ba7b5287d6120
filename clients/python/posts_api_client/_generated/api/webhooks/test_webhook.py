from urllib.parse import quote

from ...models.webhook_test import WebhookTest
from ...types import Request


def test_webhook(
    id: int,
) -> Request[WebhookTest]:
    """Test a webhook"""
    return Request(
        "POST",
        "/api/webhooks/{id}/test".format(
            id=quote(str(id), safe=""),
        ),
        parse=WebhookTest.from_dict,
    )
