"""Checks for Schemathesis that know the API's problem codes."""

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

# Refusals of requests that are well formed. A schema says what a request looks like; these say that it came at the
# wrong time, or that two of its parts do not go together, which no schema of one part can tell.
EXCUSED = {
    "precondition_failed": "the ETag in If-Match is drawn, and so is not that of the post",
    "invalid_cursor": "a drawn cursor is none that a list gave",
    "body_too_large": "a character that is escaped as \\uXXXX takes six bytes of the body",
    "idempotency_key_reused": "the example of the key is sent with several bodies",
}

EXCUSED_FIELDS = {
    ("expires_at", "range"): "a drawn time may have passed",
    ("slug", "duplicate"): "two drawn posts of a batch may have one slug",
    ("content", "too_long"): "the document counts characters, the service bytes",
}


def excuse(operation, problem):
    """Whether a well-formed request may be refused with this problem."""
    code, detail = problem["code"], problem["detail"]
    if code == "invalid_header":
        # Each may stand alone.
        return operation == "put_post" and "not together with If-Match" in detail
    if code == "invalid_parameter":
        # `relevance` is an order of searches only, and what a search may cost is counted in words.
        return operation == "list_posts" and ("only together with q" in detail or detail.startswith("q: takes at most 20"))
    if code == "validation_failed":
        return all((error["pointer"].rsplit("/", 1)[-1], error["code"]) in EXCUSED_FIELDS for error in problem["errors"])
    return code in EXCUSED


@schemathesis.check
def well_formed_is_accepted(ctx, response, case):
    """What fits the document is carried out, or refused for a reason that a schema cannot tell."""
    operation = case.operation.definition.raw.get("operationId")
    if response.headers.get("content-type") == ["application/problem+json"] and excuse(operation, response.json()):
        return None
    return positive_data_acceptance(ctx, response, case)
