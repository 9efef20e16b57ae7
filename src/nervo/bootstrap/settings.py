"""Where this installation lives, from the environment; everything has a default that works on one small machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nervo.errors import BadInput

ENGINES = ("memory", "dbos")


@dataclass(frozen=True, slots=True)
class Settings:
    """`database_url` sqlite:///… or postgresql://…; `data_dir` holds the key, and the database where it is SQLite."""

    data_dir: Path
    database_url: str
    host: str = "127.0.0.1"
    port: int = 8400
    engine: str = "memory"
    environment: str = "production"

    @property
    def key_file(self) -> Path:
        return self.data_dir / "secret.key"

    @property
    def engine_url(self) -> str:
        """Where a durable engine keeps its history: a SQLite file of its own beside ours, or our PostgreSQL database."""
        beside = f"sqlite:///{self.data_dir / 'engine.sqlite3'}"
        return beside if self.database_url.startswith("sqlite") else self.database_url

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{host}:{self.port}"


def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """NERVO_DATA_DIR, NERVO_DATABASE_URL, NERVO_HOST, NERVO_PORT, NERVO_ENGINE, NERVO_ENVIRONMENT. Raises BadInput naming what is off."""
    env = os.environ if environ is None else environ
    data_dir = Path(env.get("NERVO_DATA_DIR") or "nervo-data").absolute()
    settings = Settings(
        data_dir,
        env.get("NERVO_DATABASE_URL") or f"sqlite:///{data_dir / 'nervo.sqlite3'}",
        env.get("NERVO_HOST") or "127.0.0.1",
        _port(env.get("NERVO_PORT") or "8400"),
        env.get("NERVO_ENGINE") or "memory",
        env.get("NERVO_ENVIRONMENT") or "production",
    )
    if settings.engine not in ENGINES:
        raise _wrong("NERVO_ENGINE", settings.engine, f"Use one of {', '.join(ENGINES)}.")
    if settings.environment not in ("production", "staging"):
        raise _wrong("NERVO_ENVIRONMENT", settings.environment, "Use production or staging.")
    return settings


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise _wrong("NERVO_PORT", text, "Use a number from 0 to 65535.")
    return int(text)


def _wrong(name: str, value: str, fix: str) -> BadInput:
    return BadInput(f"reading {name}", value, code="bad_setting", fix=fix)
