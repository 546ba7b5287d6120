"""A client for posts-api."""

from .client import AuthenticatedClient, Client
from .errors import NotModified, ProblemError, UnexpectedStatus

__all__ = (
    "AuthenticatedClient",
    "Client",
    "NotModified",
    "ProblemError",
    "UnexpectedStatus",
)
