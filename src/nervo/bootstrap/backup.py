"""Backup and restore: one compressed file of all rows, readable by SQLite and PostgreSQL alike, taken while the hub runs."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby, islice
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.core.serializers import deserialize
from django.core.serializers.base import DeserializationError, DeserializedObject
from django.db import connection, transaction
from django.db.models import Model

from nervo.errors import BadInput
from nervo.store import operations
from nervo.store.database import Database, Tx

ROWS = 1_000
SKIPPED = ["contenttypes", "auth.permission", "sessions"]


def backup(file: Path) -> int:
    """Writes everything as of one moment to FILE (.jsonl.gz); its size in bytes. Secrets stay encrypted: keep secret.key elsewhere.

    The file appears only once it is complete.
    """
    partial = file.with_name(f".{file.name}.partial")
    with _one_moment(), gzip.open(partial, "wt", encoding="utf-8") as out:
        call_command(
            "dumpdata", format="jsonl", exclude=SKIPPED, use_base_manager=True, natural_foreign=True, stdout=out
        )
    partial.replace(file)
    return file.stat().st_size


@contextmanager
def _one_moment() -> Iterator[None]:
    """A reading transaction that sees one moment and keeps no writer waiting."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN" if connection.vendor == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def restore(db: Database, file: Path, *, force: bool) -> int:
    """Puts a backup into this database; how many orders it has. Raises BadInput where the database has orders, unless forced.

    Nothing is sent before it is known what the channels show now: the epoch rises, and everything that was published is to be
    read back. The sweeps bring again what happened after the backup.
    """
    if not file.is_file():
        raise BadInput("restoring", str(file), code="bad_file", fix="Give a file written by nervo backup.")
    if not force and db.read_now(lambda tx: tx.one("SELECT 1 FROM store_saleorder LIMIT 1")):
        raise BadInput(
            "restoring", "this database has orders", code="not_empty", fix="Use an empty database, or --force."
        )
    epoch = db.read_now(operations.epoch)
    try:
        _replace(file)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, DeserializationError) as error:
        raise BadInput(
            "restoring",
            f"{file}: {error}",
            code="bad_file",
            fix="Give a file written by this nervo or an older one; nothing was changed.",
        ) from error
    return db.write_now(lambda tx: distrust(tx, epoch))


def _replace(file: Path) -> None:
    """Everything that is there by everything that the file has, or nothing. Django's own loaddata looks for each row before it
    writes it."""
    loaded, links = set[type[Model]](), list[DeserializedObject]()
    with gzip.open(file, "rt", encoding="utf-8") as rows, transaction.atomic(), connection.constraint_checks_disabled():
        _empty()
        for model, some in groupby(deserialize("jsonl", rows), key=lambda row: type(row.object)):
            loaded.add(model)
            while part := [*islice(some, ROWS)]:
                model._base_manager.bulk_create([row.object for row in part])
                links += [row for row in part if row.m2m_data]
        for row in links:
            for name, others in (row.m2m_data or {}).items():
                getattr(row.object, name).set(others)
        connection.check_constraints([model._meta.db_table for model in loaded])
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), [*loaded]):
                cursor.execute(statement)


def _empty() -> None:
    tables = [m._meta.db_table for m in apps.get_app_config("store").get_models()]
    tables += ["auth_user_groups", "auth_user_user_permissions", "auth_user", "auth_group_permissions", "auth_group"]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")


def distrust(tx: Tx, epoch: int) -> int:
    """A backup does not know what came after it: a new epoch; the ERP's stock is read whole before any channel opens; what was
    published is as good as on its way, so that it is waited out and read back first; what the ERP did not have may be on its way
    there. How many orders it has."""
    operations.raise_epoch(tx, max(epoch, operations.epoch(tx)))
    tx.run("DELETE FROM store_sourcecursor WHERE entity = 'stock'")
    tx.run("UPDATE store_publication SET inflight_epoch = 1, dirty_tick = CASE WHEN dirty_tick = 0 THEN 1 ELSE dirty_tick END "
           "WHERE kind IN ('stock', 'price') AND published <> ''")  # fmt: skip
    tx.run("UPDATE store_saleorder SET pending = 'order' WHERE erp_id = '' AND erp_customer <> '' AND pending = ''")
    row = tx.one("SELECT count(*) FROM store_saleorder")
    return int(row[0]) if row else 0
