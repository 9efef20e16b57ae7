"""A real Vendure 3.7 on 127.0.0.1: npm, SQLite in memory (sql.js), prices with tax, Italy, IVA 22 and 10. Fresh at every start."""

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from nervo.registry import FOLDER
from nervo.staging.peers.process import Child, PeerError, answers, cache_folder, free_port, locked, run

PACKAGES = ("@vendure/core@3.7.3", "sql.js@1.16.0")
SERVER = Path(__file__).with_name("vendure_server.js")
DOORBELL = FOLDER / "vendure" / "plugin" / "nervo-doorbell.js"
HOOK_SECRET = "vendure-hook-secret"
OLDEST_NODE = 20
FIX = "Install it (https://nodejs.org, or Debian: apt-get install nodejs npm) and run this again."


class VendurePeer:
    """Vendure's Admin and Shop APIs on 127.0.0.1:`port` (0: a free one); signed order events go to `hook_url` where one is given.
    `workdir` keeps the packages, `rundir` the log; `say` is told what takes long."""

    user, password, hook_secret = "superadmin", "superadmin", HOOK_SECRET

    def __init__(
        self,
        workdir: Path | None = None,
        port: int = 0,
        hook_url: str | None = None,
        *,
        rundir: Path | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.workdir = workdir or cache_folder("vendure")
        self.port, self.hook_url, self.say = port or free_port(), hook_url, say
        self.url = f"http://127.0.0.1:{self.port}"
        self.rundir = rundir or self.workdir / f"run-{self.port}"
        self._child: Child | None = None

    @staticmethod
    def missing() -> str:
        """What has to be installed first, empty when nothing is missing."""
        absent = [name for name in ("node", "npm") if shutil.which(name) is None]
        if absent:
            return f"Vendure needs Node.js 20 or newer with npm, and there is no {' and no '.join(absent)} on the PATH. {FIX}"
        found = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
        major = re.match(r"v(\d+)", found)
        old = major is None or int(major[1]) < OLDEST_NODE
        return (
            f"Vendure needs Node.js {OLDEST_NODE} or newer, and this is {found or 'unreadable'}. {FIX}" if old else ""
        )

    async def install(self) -> None:
        """The packages, from npm; nothing to do when they are there."""
        if missing := await asyncio.to_thread(self.missing):
            raise PeerError(missing)
        async with locked(self.workdir):
            stamp = self.workdir / f".installed-{hashlib.sha256(' '.join(PACKAGES).encode()).hexdigest()[:12]}"
            if stamp.exists():
                return
            self.say("Vendure: installing from npm (half a minute, once) …")
            shutil.rmtree(self.workdir / "node_modules", ignore_errors=True)
            (self.workdir / "package.json").write_text(
                '{"name": "nervo-peer-vendure", "private": true, "version": "1.0.0", "type": "commonjs"}\n'
            )
            flags = ("--no-audit", "--no-fund", "--ignore-scripts")
            await run("npm", "install", *flags, *PACKAGES, cwd=self.workdir, log=self.workdir / "install.log")
            stamp.touch()

    async def init(self) -> None:
        """Nothing to prepare: the shop seeds itself at each start."""

    async def start(self) -> None:
        """Serves an empty, configured shop."""
        await self.install()
        if await answers(self.port):
            raise PeerError(f"port {self.port} is taken; choose another one for Vendure")
        self.rundir.mkdir(parents=True, exist_ok=True)
        script = self.workdir / "server.js"
        await asyncio.to_thread(_copy_atomically, SERVER, script)
        await asyncio.to_thread(_copy_atomically, DOORBELL, self.workdir / DOORBELL.name)
        env = {"PORT": str(self.port), "DATA": str(self.rundir), "HOOK_URL": self.hook_url or "", "HOOK_SECRET": HOOK_SECRET,
               "VENDURE_DISABLE_TELEMETRY": "true"}  # fmt: skip
        self._child = Child(self.rundir / "server.log")
        await self._child.start("node", str(script), cwd=self.workdir, env=env, ready=self._ready, timeout_s=120.0)

    async def stop(self) -> None:
        """Ends it; what it held is gone."""
        if self._child:
            await self._child.stop()
            self._child = None

    async def _ready(self) -> bool:
        return f"READY {self.port}" in (self.rundir / "server.log").read_text(errors="replace")


def _copy_atomically(source: Path, target: Path) -> None:
    fresh = target.with_suffix(f".{os.getpid()}.new")
    shutil.copy(source, fresh)
    fresh.replace(target)
