"""How a process serves: uvicorn with httptools on uvloop, and a garbage collector that leaves what was loaded at the start alone."""

import gc
from collections.abc import Coroutine
from typing import Any

import uvicorn
import uvloop

YOUNG_OBJECTS = 20_000


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a program's main coroutine on uvloop."""
    uvloop.run(main)


def leave_old_objects() -> None:
    """What is loaded by now is not looked at again, and young objects are looked at less often."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 100)


def server(app: Any, host: str, port: int) -> uvicorn.Server:
    """A server for an ASGI application; port 0 takes a free one."""
    leave_old_objects()
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http="httptools",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )
