"""Places where a process may die: around every commit and every call to a foreign system. A proof names one and crashes there."""

from collections.abc import Callable

_hook: Callable[[str, object], None] | None = None


def crashpoint(name: str, what: object = "") -> None:
    """Says that the program stands here, about to do or done with `what`. Does nothing unless somebody watches."""
    if _hook:
        _hook(name, what)


def watch(hook: Callable[[str, object], None] | None) -> None:
    """`hook` is told of every crashpoint that is passed; what it raises goes through the program there. None: nobody watches."""
    global _hook
    _hook = hook
