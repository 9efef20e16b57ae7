"""What most commands need: the store of this installation, open and up to date, and its vault."""

from dataclasses import dataclass

from nervo.bootstrap import settings as environment
from nervo.bootstrap.hub import open_store
from nervo.bootstrap.settings import Settings
from nervo.bootstrap.vault import Vault, open_vault
from nervo.store.database import Database


@dataclass(frozen=True, slots=True)
class Opened:
    """An open installation."""

    settings: Settings
    db: Database
    vault: Vault


def opened(settings: Settings | None = None) -> Opened:
    """Opens this installation's store, made on first use."""
    settings = settings or environment.from_environment()
    vault = open_vault(settings.key_file)
    db = open_store(
        settings.database_url, settings.data_dir, secret_key=vault.derive("django"), environment=settings.environment
    )
    return Opened(settings, db, vault)
