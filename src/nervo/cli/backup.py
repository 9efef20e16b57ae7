"""`nervo backup`, `nervo restore`, `nervo rotate-key`."""

from pathlib import Path
from typing import Annotated

import typer

from nervo.bootstrap import backup as copies
from nervo.bootstrap import vault
from nervo.cli.opened import opened
from nervo.kit.clock import SystemClock
from nervo.store import operations
from nervo.store.codec import ms
from nervo.store.database import Tx

File = Annotated[Path, typer.Argument(help="The backup, a .jsonl.gz file.")]


def backup(file: File) -> None:
    """Writes everything to a file while the hub runs. Secrets in it are encrypted: keep secret.key in another place."""
    store = opened()
    size, now = copies.backup(file), ms(SystemClock().now())
    store.db.write_now(lambda tx: operations.note_backup(tx, now))
    typer.echo(
        f"{file}: {size:,} bytes. The key that opens its secrets is {store.settings.key_file}; keep a copy of it apart."
    )
    store.db.close()


def restore(
    file: File, force: Annotated[bool, typer.Option("--force", help="Replace what is in this database.")] = False
) -> None:
    """Puts a backup back. Stop nervo first. Before anything is sent, every channel is read back."""
    store = opened()
    orders = copies.restore(store.db, file, force=force)
    typer.echo(f"Restored: {orders} orders. At the next nervo up every channel is read back before anything is sent.")
    store.db.close()


def rotate_key() -> None:
    """A new key for the secrets: all are encrypted again under it. Stop nervo first, and keep a copy of the new secret.key."""
    store = opened()
    fresh = vault.add_key(store.settings.key_file)

    def rotate(tx: Tx) -> int:
        rows = operations.all_secrets(tx)
        for connection, name, ciphertext in rows:
            operations.put_secret(tx, connection, name, fresh.rotate(ciphertext))
        return len(rows)

    typer.echo(f"{store.db.write_now(rotate)} secrets are under the new key in {store.settings.key_file}.")
    store.db.close()
