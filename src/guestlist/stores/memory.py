"""What a worker asks for with every batch, remembered for a moment: options and store views hardly ever change.

Nothing is remembered unless somebody says so, by :func:`using`; a web request never does.
"""

from __future__ import annotations

import contextlib
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator


@dataclass(slots=True)
class Memory:
    """Answers by their question, all forgotten after `seconds`. For one thread."""

    seconds: float
    _answers: dict[Hashable, Any] = field(default_factory=dict)
    _until: float = 0.0

    def recall[T](self, question: Hashable, answer: Callable[[], T]) -> T:
        """Return the answer to a question, asked at most once while it is remembered."""
        if time.monotonic() >= self._until:
            self._answers.clear()
            self._until = time.monotonic() + self.seconds
        if question not in self._answers:
            self._answers[question] = answer()
        found: T = self._answers[question]
        return found


_current: ContextVar[Memory | None] = ContextVar("guestlist_memory", default=None)


@contextlib.contextmanager
def using(memory: Memory) -> Iterator[None]:
    """Let what is asked within remember its answers here."""
    token = _current.set(memory)
    try:
        yield
    finally:
        _current.reset(token)


def recall[T](question: Hashable, answer: Callable[[], T]) -> T:
    """Return the answer to a question, remembered where a memory is in use."""
    memory = _current.get()
    return answer() if memory is None else memory.recall(question, answer)


def store_views(ids: Collection[int]) -> dict[int, StoreView]:
    """Return store views by their ids, with their websites."""
    wanted = frozenset(ids)
    return recall(
        ("store_views", wanted),
        lambda: StoreView.objects.select_related("website").in_bulk(wanted) if wanted else {},
    )
