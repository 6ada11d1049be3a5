"""Workers that can be killed, and started again under the same name."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.processes import end

if TYPE_CHECKING:
    import subprocess
    from typing import Any

    from bench.shop import Shop


@dataclass(slots=True)
class Crew:
    """Workers that can be killed and started again under the same name."""

    shop: Shop
    url: str
    stacks: dict[str, contextlib.ExitStack] = field(default_factory=dict)
    children: dict[str, subprocess.Popen[Any]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start a worker."""
        stack = contextlib.ExitStack()
        self.children[name] = stack.enter_context(self.shop.worker(self.url, name=name))
        self.stacks[name] = stack

    def kill(self, name: str) -> None:
        """End a worker as a machine's memory watch would: at once, without a chance to tidy up."""
        self.children[name].kill()
        self.children[name].wait()
        self.stacks[name].close()

    def end(self) -> None:
        """End all in order."""
        for child in self.children.values():
            end(child)
        for stack in self.stacks.values():
            stack.close()
