"""Schemathesis extensions: a check that knows the API's error codes, and an exception from another check."""

import itertools
import unicodedata

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.specs.openapi.checks import positive_data_acceptance

# Errors that a request may get although it matches the document. A schema describes each part of a request, but not the
# state of the service, and not which parts exclude each other.
ALLOWED_CODES = {
    "precondition_failed": "the generated If-Match value is not the ETag of the post",
    "invalid_cursor": "the generated cursor does not come from a list",
    "body_too_large": "a character escaped as \\uXXXX takes six bytes of the body",
    "idempotency_key_reused": "the example key is sent with several bodies",
    "too_many_webhooks": "more webhooks may have been created than there may be",
}

ALLOWED_FIELD_ERRORS = {
    ("expires_at", "range"): "the generated time may be in the past",
    ("slug", "duplicate"): "two generated posts of a batch may have the same slug",
    ("content", "too_long"): "the document limits the number of characters, the service the number of bytes",
    ("description", "empty"): "the generated text may consist of white space",
    ("description", "format"): "the generated text may contain control characters",
    ("tags", "empty"): "the generated name may consist of white space",
    ("tags", "format"): "the generated name may contain control characters",
    ("tags", "nul"): "the generated name may contain U+0000",
    ("tags", "duplicate"): "two generated names may differ by white space, ASCII case, or Unicode form only",
    ("authors", "empty"): "as for tags",
    ("authors", "format"): "as for tags",
    ("authors", "nul"): "as for tags",
    ("authors", "duplicate"): "as for tags",
    ("image", "format"): "the document does not describe which URLs and paths are valid",
    ("image", "nul"): "the generated text may contain U+0000",
    ("image_alt", "format"): "the generated text may contain control characters",
    ("image_alt", "nul"): "the generated text may contain U+0000",
    ("description", "nul"): "the generated text may contain U+0000",
    ("metadata", "empty"): "the document does not limit the names of members",
    ("metadata", "format"): "as for empty",
    ("metadata", "nul"): "the document does not limit the values",
    ("metadata", "too_deep"): "the document does not limit the depth",
    ("metadata", "too_long"): "the document does not limit the size",
    ("metadata", "too_many"): "the document does not limit the number of values",
    ("url", "empty"): "the document does not describe which URLs are valid",
    ("url", "format"): "as for empty",
    ("url", "nul"): "as for empty",
    ("url", "not_allowed"): "as for empty",
    ("name", "empty"): "the generated name may consist of white space",
    ("name", "nul"): "the generated name may contain U+0000",
    ("events", "duplicate"): "a generated event may be repeated",
    ("headers", "empty"): "the document does not limit the names and values of headers",
    ("headers", "format"): "as for empty",
    ("headers", "not_allowed"): "as for empty",
    ("headers", "duplicate"): "as for empty",
    ("headers", "too_many"): "as for empty",
    ("headers", "too_long"): "as for empty",
    ("body", "too_long"): "the document does not limit the size",
    ("body", "not_allowed"): "a static body requires another mode",
    ("mode", "not_allowed"): "as for body",
    ("quiet", "range"): "must not exceed max_wait",
    ("max_wait", "range"): "as for quiet",
    ("cursor", "format"): "the generated cursor does not come from the change feed",
    ("since", "range"): "the generated time may be in the future",
    ("", "required"): "one of two fields must be present",
    ("", "duplicate"): "only one of two fields may be present",
}


def field_name(pointer):
    """The field of a post, or of another object in the body, that contains the value at this JSON Pointer."""
    names = [name for name in pointer.split("/") if not name.isdigit()]
    return next((name for name in ("metadata", "headers") if name in names), names[-1])


MAX_SEARCH_WORDS = 20
MAX_SEARCH_PREFIXES = 4


def is_word_character(character):
    """Whether the service treats the character as part of a search word."""
    category = unicodedata.category(character)
    return category.startswith("L") or category == "Nd" or "\u0300" <= character <= "\u036f"


def exceeds_search_limits(text):
    """Whether a search has too many words or prefixes. The document only limits the number of characters."""
    words = sum(is_word for is_word, _ in itertools.groupby(text, is_word_character))
    return words > MAX_SEARCH_WORDS or text.count("*") > MAX_SEARCH_PREFIXES


def has_c1_controls(text):
    """Whether the text contains a C1 control character other than U+0085, which is white space. The pattern of the
    document cannot exclude them: PCRE without its Unicode mode would take the bytes of other characters for them."""
    return any("\x80" <= character <= "\x9f" and character != "\x85" for character in text)


def is_allowed(operation, case, problem):
    """Whether the service may respond with this error to a request that matches the document."""
    code = problem["code"]
    if code == "invalid_header":
        # If-None-Match must be `*` and must not be combined with If-Match. Schemathesis also generates other values.
        return operation == "put_post_by_slug" and "If-None-Match" in case.headers
    if code == "invalid_parameter":
        if operation in ("list_tags", "list_authors"):
            return has_c1_controls(case.query.get("q") or "")
        if operation != "list_posts":
            return False
        search = case.query.get("q")
        if search is None:
            return case.query.get("sort") == "relevance"
        return exceeds_search_limits(search)
    if code == "validation_failed":
        return all(
            (field_name(error["pointer"]), error["code"]) in ALLOWED_FIELD_ERRORS for error in problem["errors"]
        )
    return code in ALLOWED_CODES


@schemathesis.check
def well_formed_is_accepted(ctx, response, case):
    """A request that matches the document succeeds, or fails with an error that no schema can exclude."""
    operation = case.operation.definition.raw.get("operationId")
    if response.headers.get("content-type") == ["application/problem+json"]:
        if is_allowed(operation, case, response.json()):
            return None
    return positive_data_acceptance(ctx, response, case)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """An optional body may be `null`, because some generated clients send it. The document does not mention it."""
    has_optional_body = case.operation.definition.raw.get("operationId") in ("publish_post", "rotate_webhook_secret")
    accepts_null = has_optional_body and case.body is None
    return not (accepts_null and isinstance(failure, AcceptedNegativeData))
