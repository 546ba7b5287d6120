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
from .posts.list_posts import ListPostsQuery, list_posts
from .posts.list_redirects import ListRedirectsQuery, list_redirects
from .posts.list_tags import ListTagsQuery, list_tags
from .posts.publish_post import publish_post
from .posts.put_post_by_slug import put_post_by_slug
from .posts.unpublish_post import unpublish_post
from .posts.update_post import update_post

__all__ = [
    "ListAuthorsQuery",
    "ListPostsQuery",
    "ListRedirectsQuery",
    "ListTagsQuery",
    "batch_create_posts",
    "create_key",
    "create_post",
    "delete_post",
    "get_post",
    "get_post_by_slug",
    "list_authors",
    "list_keys",
    "list_posts",
    "list_redirects",
    "list_tags",
    "publish_post",
    "put_post_by_slug",
    "revoke_key",
    "unpublish_post",
    "update_post",
]
