"""The company's configuration in the store: versions of one TOML document, checked whole before one becomes the live one."""

import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w

from nervo import registry
from nervo.bootstrap.vault import Vault
from nervo.errors import BadInput
from nervo.kit.settings import form, parse
from nervo.rules import config as rules
from nervo.rules.config import Config, ConnectionConfig
from nervo.store import operations
from nervo.store.database import Database, Tx


def live(db: Database) -> tuple[int, str]:
    """The live version's number and document; (0, "") before the first."""
    return db.read_now(operations.latest_config) or (0, "")


def checked(document: str) -> Config:
    """The configuration of a document. Raises BadInput naming every entry that is off, connectors' own settings too."""
    config = rules.parse(document)
    wrong = [problem for connection in config.connections.values() for problem in _problems(connection)]
    if wrong:
        raise BadInput("reading the configuration", "; ".join(wrong), code="bad_config",
                       fix="Correct these entries and apply again.")  # fmt: skip
    return config


def _problems(connection: ConnectionConfig) -> list[str]:
    where = f"connections.{connection.name}"
    if connection.connector not in registry.connectors():
        return [f'{where}.connector: "{connection.connector}" is none of {", ".join(registry.connectors())}']
    fields = {f.name: f for f in form(registry.connector(connection.connector).settings)}
    unknown = [f"{where}.settings.{key}: unknown" for key in connection.settings if key not in fields]
    secret = [
        f"{where}.settings.{key}: a secret does not belong here; give it with nervo connect"
        for key in connection.settings
        if key in fields and fields[key].secret
    ]
    return unknown + secret


def apply(db: Database, document: str, author: str, note: str, now_ms: int) -> int:
    """Makes a document the live version; its number. Raises BadInput and changes nothing where it is off."""
    checked(document)
    return db.write_now(lambda tx: operations.add_config(tx, document, author, note, now_ms))


def rollback(db: Database, version: int, author: str, now_ms: int) -> int:
    """An earlier version becomes live again, as a new one."""
    document = db.read_now(lambda tx: operations.config(tx, version))
    if document is None:
        raise BadInput("rolling the configuration back", str(version), code="unknown_version",
                       fix="nervo config history shows the versions.")  # fmt: skip
    return apply(db, document, author, f"back to version {version}", now_ms)


def with_connection(document: str, name: str, body: Mapping[str, Any], *, is_erp: bool) -> str:
    """The document with a connection put in or changed, entry by entry."""
    raw = tomllib.loads(document)
    connections = raw.setdefault("connections", {})
    connections[name] = {**connections.get(name, {}), **body}
    if is_erp and not raw.get("erp"):
        raw["erp"] = name
    return tomli_w.dumps(raw)


def put_secrets(tx: Tx, vault: Vault, name: str, secrets: Mapping[str, str]) -> None:
    """Keeps a connection's secrets, encrypted."""
    for field, secret in secrets.items():
        operations.put_secret(tx, name, field, vault.encrypt(secret))


def settings_of(db: Database, vault: Vault, connection: ConnectionConfig) -> Any:
    """The connector's settings object, secrets decrypted. Raises BadInput naming what is missing."""
    stored = db.read_now(lambda tx: operations.secrets_of(tx, connection.name))
    secrets = {f: vault.decrypt(c, f"{f} of {connection.name}") for f, c in stored.items()}
    return parse(registry.connector(connection.connector).settings, {**connection.settings, **secrets})
