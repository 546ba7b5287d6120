"""One function per operation, which returns the request."""

from .keys.create_key import create_key
from .keys.list_keys import list_keys
from .keys.revoke_key import revoke_key
from .posts.batch_create_posts import batch_create_posts
from .posts.create_post import create_post
from .posts.delete_post import delete_post
from .posts.get_post import get_post
from .posts.get_post_by_slug import get_post_by_slug
from .posts.list_authors import ListAuthorsQuery, list_authors
from .posts.list_changes import ListChangesQuery, list_changes
from .posts.list_posts import ListPostsQuery, list_posts
from .posts.list_redirects import ListRedirectsQuery, list_redirects
from .posts.list_tags import ListTagsQuery, list_tags
from .posts.publish_post import publish_post
from .posts.put_post_by_slug import put_post_by_slug
from .posts.unpublish_post import unpublish_post
from .posts.update_post import update_post
from .webhooks.create_webhook import create_webhook
from .webhooks.delete_webhook import delete_webhook
from .webhooks.get_webhook import get_webhook
from .webhooks.list_webhook_attempts import list_webhook_attempts
from .webhooks.list_webhooks import list_webhooks
from .webhooks.replay_webhook import replay_webhook
from .webhooks.rotate_webhook_secret import rotate_webhook_secret
from .webhooks.test_webhook import test_webhook
from .webhooks.update_webhook import update_webhook

__all__ = [
    "ListAuthorsQuery",
    "ListChangesQuery",
    "ListPostsQuery",
    "ListRedirectsQuery",
    "ListTagsQuery",
    "batch_create_posts",
    "create_key",
    "create_post",
    "create_webhook",
    "delete_post",
    "delete_webhook",
    "get_post",
    "get_post_by_slug",
    "get_webhook",
    "list_authors",
    "list_changes",
    "list_keys",
    "list_posts",
    "list_redirects",
    "list_tags",
    "list_webhook_attempts",
    "list_webhooks",
    "publish_post",
    "put_post_by_slug",
    "replay_webhook",
    "revoke_key",
    "rotate_webhook_secret",
    "test_webhook",
    "unpublish_post",
    "update_post",
    "update_webhook",
]
