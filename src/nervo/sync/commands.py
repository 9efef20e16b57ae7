"""What people ask for: command rows, each carried out once, with its result in plain words."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from nervo.errors import BadInput, NervoError
from nervo.store import operations
from nervo.sync.command_orders import ORDERS
from nervo.sync.command_problems import PROBLEMS
from nervo.sync.command_state import STATE
from nervo.sync.context import Hub
from nervo.sync.handlers import Handlers

HANDLERS: Handlers = {**ORDERS, **PROBLEMS, **STATE}
OPTIONAL = {"sync.stock": {"sku"}}
LONG = frozenset({"sync.stock", "sync.channel", "connection.check"})
log = structlog.get_logger()


class Commands:
    """Carries out what is asked. What takes long runs beside, so that a pause never waits behind it."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._long: dict[int, asyncio.Task[None]] = {}

    async def step(self) -> int:
        """Oldest first; how many. One that fails says why and delays no other."""
        waiting = [row for row in await self.hub.db.read(operations.new_commands) if row[0] not in self._long]
        for id, kind, args, actor in waiting:
            work = self._carry_out(id, kind, args, actor)
            if kind in LONG:
                self._long[id] = asyncio.create_task(work)
                self._long[id].add_done_callback(lambda _, i=id: self._long.pop(i, None))  # type: ignore[misc]
            else:
                await work
        return len(waiting)

    async def idle(self) -> None:
        """Waits for what takes long."""
        await asyncio.gather(*self._long.values())

    async def _carry_out(self, id: int, kind: str, args: dict[str, Any], actor: str) -> None:
        state, result = await _one(self.hub, kind, args, actor)
        await self.hub.db.write(lambda tx: operations.end_command(tx, id, state, result, self.hub.now_ms()))


async def _one(hub: Hub, kind: str, args: dict[str, Any], actor: str) -> tuple[str, str]:
    try:
        return "done", await _handler(kind, args)(hub, actor, **args)
    except NervoError as error:
        return "failed", str(error)
    except Exception as error:
        log.exception("command_failed", kind=kind)
        return "failed", f"A fault in nervo ({type(error).__name__}); it has been logged."


def _handler(kind: str, args: dict[str, Any]) -> Callable[..., Awaitable[str]]:
    if kind not in HANDLERS:
        raise BadInput(
            "carrying out a command", kind, code="unknown_command", fix=f"Known: {', '.join(sorted(HANDLERS))}."
        )
    wanted, handler = HANDLERS[kind]
    wrong = [name for name in args if name not in wanted]
    wrong += [name for name in wanted if name not in args and name not in OPTIONAL.get(kind, ())]
    wrong += [n for n, t in wanted.items() if n in args and (not isinstance(args[n], t) or isinstance(args[n], bool))]
    if wrong:
        fix = f"{kind} takes {', '.join(f'{name} ({kind_.__name__})' for name, kind_ in wanted.items())}."
        raise BadInput("carrying out a command", ", ".join(dict.fromkeys(wrong)), code="bad_arguments", fix=fix)
    return handler
