"""Places where a process may die: around every commit and every call to a foreign system. A proof names one and crashes there."""

from collections.abc import Callable

_hook: Callable[[str], None] | None = None


def crashpoint(name: str) -> None:
    """Says that the program stands here. Does nothing unless somebody watches."""
    if _hook:
        _hook(name)


def watch(hook: Callable[[str], None] | None) -> None:
    """`hook` is told of every crashpoint that is passed; what it raises goes through the program there. None: nobody watches."""
    global _hook
    _hook = hook
