"""What bringing up a peer takes: a cache folder, one installer at a time, a child process that is ended with us."""

import asyncio
import fcntl
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path


class PeerError(RuntimeError):
    """A peer could not be brought up; the message says what to install or which log to read."""


def cache_folder(name: str) -> Path:
    """Where a peer is kept between runs: $XDG_CACHE_HOME/nervo/peers/<name>, ~/.cache without it."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "nervo" / "peers" / name


def free_port() -> int:
    """A port on loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def locked(folder: Path) -> AsyncIterator[None]:
    """Only one process at a time installs into the folder; the others wait."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as handle:
        await asyncio.to_thread(fcntl.flock, handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)


async def run(
    *command: str, cwd: Path, log: Path, env: Mapping[str, str] | None = None, timeout_s: float = 600.0
) -> None:
    """Runs a command to its end. Raises PeerError with the end of its output when it fails or takes too long."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            code = await asyncio.wait_for(process.wait(), timeout_s)
        except TimeoutError:
            raise PeerError(f"{command[0]} took more than {timeout_s:.0f} s; see {log}") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
    if code:
        raise PeerError(f"{' '.join(command[:4])} … ended with {code}; {log} ends with:\n{tail(log)}")


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""


class Child:
    """A server in its own process group, ended with SIGTERM and after 5 s with SIGKILL."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(
        self,
        *command: str,
        cwd: Path,
        env: Mapping[str, str],
        ready: Callable[[], Awaitable[bool]],
        timeout_s: float = 60.0,
    ) -> None:
        """Starts it and waits until `ready`. Raises PeerError with the end of its log when it ends or is not ready in time."""
        self.log.write_bytes(b"")
        with self.log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                cwd=cwd,
                env={**os.environ, **env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            await asyncio.wait_for(self._until(ready, self._process, command[0]), timeout_s)
        except TimeoutError:
            await self.stop()
            said = f"{command[0]} was not ready after {timeout_s:.0f} s; {self.log} ends with:\n{tail(self.log)}"
            raise PeerError(said) from None
        except BaseException:
            await self.stop()
            raise

    async def _until(
        self, ready: Callable[[], Awaitable[bool]], process: asyncio.subprocess.Process, name: str
    ) -> None:
        while not await ready():
            if process.returncode is not None:
                raise PeerError(f"{name} ended with {process.returncode}; {self.log} ends with:\n{tail(self.log)}")
            await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """Ends it at once, in the middle of whatever it does, as a power cut would."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def stop(self) -> None:
        """Ends it; one that is not running is fine."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        os.killpg(process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 5.0)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def answers(port: int, path: str = "") -> bool:
    """Whether something listens on loopback; with a path, whether it answers HTTP there."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        if not path:
            return True
        writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return (await asyncio.wait_for(reader.read(5), 30.0)) == b"HTTP/"
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
