"""Contains all the data models used in inputs/outputs"""

from .api_key import ApiKey
from .api_key_role import ApiKeyRole
from .api_keys import ApiKeys
from .batch import Batch
from .batch_item import BatchItem
from .batch_item_result import BatchItemResult
from .batch_on_conflict import BatchOnConflict
from .batch_response import BatchResponse
from .change_item import ChangeItem
from .change_page import ChangePage
from .create_api_key import CreateApiKey
from .create_api_key_role import CreateApiKeyRole
from .create_post import CreatePost
from .create_webhook import CreateWebhook
from .create_webhook_events_type_0_item import CreateWebhookEventsType0Item
from .create_webhook_mode import CreateWebhookMode
from .created_api_key import CreatedApiKey
from .created_webhook import CreatedWebhook
from .error_code import ErrorCode
from .field_error import FieldError
from .label import Label
from .label_page import LabelPage
from .list_authors_sort import ListAuthorsSort
from .list_posts_count import ListPostsCount
from .list_posts_published import ListPostsPublished
from .list_posts_sort import ListPostsSort
from .list_tags_sort import ListTagsSort
from .post import Post
from .post_page import PostPage
from .post_summary import PostSummary
from .problem import Problem
from .publish import Publish
from .put_post import PutPost
from .redirect import Redirect
from .redirect_page import RedirectPage
from .replay_webhook import ReplayWebhook
from .rotate_secret import RotateSecret
from .rotated_secret import RotatedSecret
from .update_post import UpdatePost
from .update_webhook import UpdateWebhook
from .update_webhook_events_type_0_item import UpdateWebhookEventsType0Item
from .update_webhook_mode import UpdateWebhookMode
from .webhook import Webhook
from .webhook_attempt import WebhookAttempt
from .webhook_attempts import WebhookAttempts
from .webhook_mode import WebhookMode
from .webhook_test_result import WebhookTestResult
from .webhooks import Webhooks

__all__ = (
    "ApiKey",
    "ApiKeyRole",
    "ApiKeys",
    "Batch",
    "BatchItem",
    "BatchItemResult",
    "BatchOnConflict",
    "BatchResponse",
    "ChangeItem",
    "ChangePage",
    "CreateApiKey",
    "CreateApiKeyRole",
    "CreatePost",
    "CreateWebhook",
    "CreateWebhookEventsType0Item",
    "CreateWebhookMode",
    "CreatedApiKey",
    "CreatedWebhook",
    "ErrorCode",
    "FieldError",
    "Label",
    "LabelPage",
    "ListAuthorsSort",
    "ListPostsCount",
    "ListPostsPublished",
    "ListPostsSort",
    "ListTagsSort",
    "Post",
    "PostPage",
    "PostSummary",
    "Problem",
    "Publish",
    "PutPost",
    "Redirect",
    "RedirectPage",
    "ReplayWebhook",
    "RotateSecret",
    "RotatedSecret",
    "UpdatePost",
    "UpdateWebhook",
    "UpdateWebhookEventsType0Item",
    "UpdateWebhookMode",
    "Webhook",
    "WebhookAttempt",
    "WebhookAttempts",
    "WebhookMode",
    "WebhookTestResult",
    "Webhooks",
)
