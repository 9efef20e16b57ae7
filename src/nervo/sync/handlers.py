"""What a command takes and who carries it out: a coroutine of the hub, the person and the arguments that returns plain words."""

from collections.abc import Awaitable, Callable, Mapping

Handlers = Mapping[str, tuple[Mapping[str, type], Callable[..., Awaitable[str]]]]
