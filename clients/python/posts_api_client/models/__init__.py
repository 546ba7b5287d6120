"""Contains all the data models used in inputs/outputs"""

from .api_key import ApiKey
from .api_key_role import ApiKeyRole
from .api_keys import ApiKeys
from .batch import Batch
from .batch_item import BatchItem
from .batch_item_result import BatchItemResult
from .batch_on_conflict import BatchOnConflict
from .batch_response import BatchResponse
from .create_api_key import CreateApiKey
from .create_api_key_role import CreateApiKeyRole
from .create_post import CreatePost
from .create_post_metadata_type_0 import CreatePostMetadataType0
from .created_api_key import CreatedApiKey
from .field_error import FieldError
from .health import Health
from .label import Label
from .label_page import LabelPage
from .list_authors_sort import ListAuthorsSort
from .list_posts_count import ListPostsCount
from .list_posts_published import ListPostsPublished
from .list_posts_sort import ListPostsSort
from .list_posts_view import ListPostsView
from .list_tags_sort import ListTagsSort
from .post import Post
from .post_metadata import PostMetadata
from .post_page import PostPage
from .post_summary import PostSummary
from .post_summary_metadata import PostSummaryMetadata
from .post_summary_page import PostSummaryPage
from .problem import Problem
from .publish import Publish
from .put_post import PutPost
from .put_post_metadata_type_0 import PutPostMetadataType0
from .redirect import Redirect
from .redirect_page import RedirectPage
from .update_post import UpdatePost
from .update_post_metadata_type_0 import UpdatePostMetadataType0

__all__ = (
    "ApiKey",
    "ApiKeyRole",
    "ApiKeys",
    "Batch",
    "BatchItem",
    "BatchItemResult",
    "BatchOnConflict",
    "BatchResponse",
    "CreateApiKey",
    "CreateApiKeyRole",
    "CreatePost",
    "CreatePostMetadataType0",
    "CreatedApiKey",
    "FieldError",
    "Health",
    "Label",
    "LabelPage",
    "ListAuthorsSort",
    "ListPostsCount",
    "ListPostsPublished",
    "ListPostsSort",
    "ListPostsView",
    "ListTagsSort",
    "Post",
    "PostMetadata",
    "PostPage",
    "PostSummary",
    "PostSummaryMetadata",
    "PostSummaryPage",
    "Problem",
    "Publish",
    "PutPost",
    "PutPostMetadataType0",
    "Redirect",
    "RedirectPage",
    "UpdatePost",
    "UpdatePostMetadataType0",
)
