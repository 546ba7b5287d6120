from urllib.parse import quote

from ...models.webhook_test_result import WebhookTestResult
from ...types import Request


def test_webhook(
    id: int,
) -> Request[WebhookTestResult]:
    """Test a webhook"""
    return Request(
        "POST",
        "/api/webhooks/{id}/test".format(
            id=quote(str(id), safe=""),
        ),
        parse=WebhookTestResult.from_dict,
    )
