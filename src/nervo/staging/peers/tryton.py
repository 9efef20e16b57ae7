"""A real Tryton 8.2 with a seeded Italian company, on SQLite, in its own venv. Every start begins with a fresh copy of the seed."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nervo.staging.peers.process import Child, PeerError, answers, cache_folder, free_port, locked, run

PACKAGES = ["trytond", "proteus"] + [
    f"trytond-{name}"
    for name in (
        "party account-eu account-invoice-stock account-payment-clearing product-attribute sale-price-list sale-promotion sale-payment "
        "stock-package-shipping web-shop"
    ).split()
]
MODULES = (
    "party account_eu account_invoice_stock account_payment_clearing product_attribute sale_price_list sale_promotion sale_payment "
    "stock_package_shipping web_shop"
).split()
DATABASE, USER, PASSWORD = "erp", "hub", "hub-password-1"
SEED = Path(__file__).with_name("tryton_seed.py")


class TrytonPeer:
    """Tryton on 127.0.0.1:`port` (0: a free one). `workdir` keeps the venv and the seeded database, `rundir` the database that
    is served; `templates` products of two variants each; `say` is told what takes long.

    `seed` holds ids and the REST key after `init`: company, wh1, wh2, web_pl, b2b, shop, payment_journal, payment_term, ship, rest_key.
    """

    database, user, password = DATABASE, USER, PASSWORD

    def __init__(
        self,
        workdir: Path | None = None,
        port: int = 0,
        templates: int = 30,
        *,
        rundir: Path | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.workdir = workdir or cache_folder("tryton")
        self.port, self.templates, self.say = port or free_port(), templates, say
        self.url = f"http://127.0.0.1:{self.port}"
        self.rundir = rundir or self.workdir / f"run-{self.port}"
        self.seed: dict[str, Any] = {}
        self._child: Child | None = None

    async def install(self) -> None:
        """The venv, from PyPI; nothing to do when it is there."""
        async with locked(self.workdir):
            stamp = self.workdir / "venv" / f".installed-{_digest(*PACKAGES)}"
            if stamp.exists():
                return
            self.say("Tryton: installing from PyPI into a venv of its own (half a minute, once) …")
            shutil.rmtree(self.workdir / "venv", ignore_errors=True)
            log = self.workdir / "install.log"
            await run(sys.executable, "-m", "venv", "venv", cwd=self.workdir, log=log)
            wanted = [f"{name}>=8.2,<8.3" for name in PACKAGES] + ["gunicorn>=23,<24"]
            await run(self._bin("pip"), "install", "-q", *wanted, cwd=self.workdir, log=log)
            stamp.touch()

    async def init(self) -> None:
        """The seeded template database; nothing to do when it fits this version of the seed."""
        name = f"{DATABASE}-{_digest(SEED.read_text(), *MODULES, str(self.templates))}"
        template, ids = self.workdir / f"{name}.sqlite", self.workdir / f"{name}.json"
        async with locked(self.workdir):
            if not ids.exists():
                self.say(f"Tryton: making a company with {self.templates} products (half a minute, once) …")
                await self._build(template, ids)
        self.seed = json.loads(ids.read_text())
        self._template = template

    async def start(self) -> None:
        """Serves a fresh copy of the template."""
        if not self.seed:
            await self.install()
            await self.init()
        if await answers(self.port):
            raise PeerError(f"port {self.port} is taken; choose another one for Tryton")
        shutil.rmtree(self.rundir, ignore_errors=True)
        self.rundir.mkdir(parents=True)
        shutil.copy(self._template, self.rundir / f"{DATABASE}.sqlite")
        await self.resume()

    async def resume(self) -> None:
        """Serves the run's own database again, as it was at `stop`."""
        env = {"TRYTOND_CONFIG": str(self._config(self.rundir)), "TRYTOND_DATABASE_NAMES": DATABASE}
        self._child = Child(self.rundir / "server.log")
        await self._child.start(
            self._bin("gunicorn"), "-b", f"127.0.0.1:{self.port}", "-k", "gthread", "-w", "1", "--threads", "8", "--timeout", "300",
            "--graceful-timeout", "2", "trytond.application:app", cwd=self.rundir, env=env, ready=self._ready,
        )  # fmt: skip

    async def kill(self) -> None:
        """Ends the server in the middle of whatever it does; `resume` serves what its database kept."""
        if self._child:
            await self._child.kill()
            self._child = None

    async def stop(self) -> None:
        """Ends the server; the run's database stays for a look until the next start."""
        if self._child:
            await self._child.stop()
            self._child = None

    async def _build(self, template: Path, ids: Path) -> None:
        build = self.workdir / "build"
        shutil.rmtree(build, ignore_errors=True)
        build.mkdir(parents=True)
        (build / f"{DATABASE}.sqlite").touch()
        (build / "password").write_text("admin-password")
        config, log, env = str(self._config(build)), build / "build.log", {"TRYTONPASSFILE": str(build / "password")}
        admin = (self._bin("trytond-admin"), "-c", config, "-d", DATABASE)
        await run(*admin, "--all", "--email", "admin@example.com", "-l", "en", cwd=build, log=log, env=env)
        await run(*admin, "-u", *MODULES, "--activate-dependencies", cwd=build, log=log, env=env)
        seed = (
            self._bin("python"),
            str(SEED),
            config,
            DATABASE,
            str(self.templates),
            PASSWORD,
            str(build / "seed.json"),
        )
        await run(*seed, cwd=build, log=log, env=env)
        shutil.move(build / f"{DATABASE}.sqlite", template)
        shutil.move(build / "seed.json", ids)

    def _config(self, folder: Path) -> Path:
        path = folder / "trytond.conf"
        path.write_text(
            f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{self.port}\n[session]\ntimeout = 86400\n"
            "[request]\ntimeout = 300\n"
        )
        return path

    def _bin(self, name: str) -> str:
        return str(self.workdir / "venv" / "bin" / name)

    async def _ready(self) -> bool:
        return await answers(self.port, f"/{DATABASE}/rpc/")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
