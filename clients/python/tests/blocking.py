"""Runs the methods of an asynchronous client in an event loop, so that the same tests apply to both clients."""

import inspect
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from anyio.from_thread import BlockingPortal

END = object()


class Blocking:
    """An object whose asynchronous methods block, and so do those of its attributes."""

    def __init__(self, portal: BlockingPortal, target: object) -> None:
        self._portal = portal
        self._target = target

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if not inspect.ismethod(value):
            return value if isinstance(value, str) else Blocking(self._portal, value)

        def call(*args: Any, **options: Any) -> Any:
            result = value(*args, **options)
            if inspect.isasyncgen(result):
                return self._iterate(result)
            if inspect.isawaitable(result):
                return self._portal.call(lambda: result)
            return Blocking(self._portal, result)

        return call

    def _iterate(self, items: AsyncGenerator[Any, Any]) -> Iterator[Any]:
        async def advance() -> Any:
            return await anext(items, END)

        try:
            while (item := self._portal.call(advance)) is not END:
                yield item
        finally:
            self._portal.call(items.aclose)
