"""The hub's own running: cursors, leases, connection states, commands, configuration versions."""

from datetime import datetime

from django.db import connection

from nervo.ports.common import Cursor
from nervo.store import bells
from nervo.store.codec import plain, text
from nervo.store.database import Tx


def cursor(tx: Tx, connection: str, entity: str) -> Cursor | None:
    row = tx.one("SELECT at, ident FROM store_sourcecursor WHERE connection = %s AND entity = %s", (connection, entity))
    return Cursor(datetime.fromisoformat(row[0]), row[1]) if row else None


def forget_cursor(tx: Tx, connection: str, entity: str) -> None:
    """The next reading begins at the beginning."""
    tx.run("DELETE FROM store_sourcecursor WHERE connection = %s AND entity = %s", (connection, entity))


def set_cursor(tx: Tx, connection: str, entity: str, to: Cursor, now_ms: int) -> None:
    tx.run(
        "INSERT INTO store_sourcecursor (connection, entity, at, ident, updated_ms) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (connection, entity) DO UPDATE SET at = excluded.at, ident = excluded.ident, updated_ms = excluded.updated_ms",
        (connection, entity, to.at.isoformat(), to.id, now_ms),
    )


def take_lease(tx: Tx, name: str, owner: str, now_ms: int, for_ms: int, *, epoch: int = 0) -> int | None:
    """The lease's epoch if it is ours now, else None. `epoch` is the one under which we held it; a free lease is taken under
    a higher one, by the same owner too, since what that owner was doing when it stopped is not known."""
    row = tx.one(
        "INSERT INTO store_lease (name, owner, epoch, expires_ms) VALUES (%s, %s, 1, %s) ON CONFLICT (name) DO UPDATE SET "
        "epoch = CASE WHEN store_lease.owner = excluded.owner AND store_lease.epoch = %s THEN store_lease.epoch ELSE store_lease.epoch + 1 END, "
        "owner = excluded.owner, expires_ms = excluded.expires_ms "
        "WHERE (store_lease.owner = excluded.owner AND store_lease.epoch = %s) OR store_lease.expires_ms < %s RETURNING epoch",
        (name, owner, now_ms + for_ms, epoch, epoch, now_ms),
    )
    return int(row[0]) if row else None


def lease_holder(tx: Tx, name: str) -> tuple[str, int] | None:
    """Who took the lease last, and its epoch."""
    row = tx.one("SELECT owner, epoch FROM store_lease WHERE name = %s", (name,))
    return (row[0], int(row[1])) if row else None


def give_lease(tx: Tx, name: str, owner: str, epoch: int) -> None:
    """The next one takes it at once."""
    tx.run("UPDATE store_lease SET expires_ms = 0 WHERE name = %s AND owner = %s AND epoch = %s", (name, owner, epoch))


def database_ms(tx: Tx) -> int:
    """The database's own time, one for all hubs, whatever their machines' clocks say."""
    postgresql = connection.vendor == "postgresql"
    now = "extract(epoch FROM clock_timestamp()) * 1000" if postgresql else "(julianday('now') - 2440587.5) * 86400000"
    row = tx.one(f"SELECT CAST({now} AS BIGINT)")
    assert row
    return int(row[0])


def count(tx: Tx, name: str, by: int = 1) -> None:
    """Adds to a counter."""
    tx.run(
        "INSERT INTO store_counter (name, value) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = store_counter.value + excluded.value",
        (name, by),
    )


def count_recent(tx: Tx, name: str, at: int, by: int, forget_before: int) -> None:
    """Counts under a moment (a minute's number), so that what is old can be left out."""
    count(tx, f"{name}/{at}", by)
    tx.run(f"DELETE FROM store_counter WHERE {_MOMENT} < %s", (*_moment(name), forget_before))


def recent(tx: Tx, name: str, since: int) -> int:
    """What was counted at that moment and later."""
    sql = f"SELECT coalesce(sum(value), 0) FROM store_counter WHERE {_MOMENT} >= %s"
    row = tx.one(sql, (*_moment(name), since))
    return int(row[0]) if row else 0


_MOMENT = "CASE WHEN substr(name, 1, %s) = %s THEN CAST(substr(name, %s) AS BIGINT) END"


def _moment(name: str) -> tuple[int, str, int]:
    return len(name) + 1, f"{name}/", len(name) + 2


def counted(tx: Tx, prefix: str) -> dict[str, int]:
    """The counters whose name starts like this."""
    rows = tx.rows("SELECT name, value FROM store_counter WHERE substr(name, 1, %s) = %s", (len(prefix), prefix))
    return {name: int(value) for name, value in rows}


def still_ours(tx: Tx, name: str, owner: str, epoch: int) -> bool:
    """Whether the lease is ours, under this epoch: asked in the transaction that notes an effect."""
    return (
        tx.one("SELECT 1 FROM store_lease WHERE name = %s AND owner = %s AND epoch = %s", (name, owner, epoch))
        is not None
    )


def connection_state(
    tx: Tx, connection: str, state: str, now_ms: int, *, error: str = "", identity: object = None
) -> None:
    tx.run(
        "INSERT INTO store_connectionstate (connection, state, last_ok_ms, last_error_ms, error, identity, paused) VALUES (%s, %s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (connection) DO UPDATE SET state = excluded.state, error = excluded.error, "
        "last_ok_ms = CASE WHEN excluded.last_ok_ms > 0 THEN excluded.last_ok_ms ELSE store_connectionstate.last_ok_ms END, "
        "last_error_ms = CASE WHEN excluded.last_error_ms > 0 THEN excluded.last_error_ms ELSE store_connectionstate.last_error_ms END, "
        "identity = CASE WHEN excluded.identity <> '{}' THEN excluded.identity ELSE store_connectionstate.identity END",
        (
            connection,
            state,
            0 if error else now_ms,
            now_ms if error else 0,
            error,
            text(identity) if identity else "{}",
            False,
        ),
    )


def paused(tx: Tx) -> set[str]:
    return {r[0] for r in tx.rows("SELECT connection FROM store_connectionstate WHERE paused")}


def pause(tx: Tx, connection: str, on: bool) -> None:
    tx.run(
        "INSERT INTO store_connectionstate (connection, state, last_ok_ms, last_error_ms, error, identity, paused) "
        "VALUES (%s, 'new', 0, 0, '', '{}', %s) ON CONFLICT (connection) DO UPDATE SET paused = excluded.paused",
        (connection, on),
    )


def add_command(tx: Tx, kind: str, args: dict[str, object], actor: str, now_ms: int) -> int:
    row = tx.one(
        "INSERT INTO store_command (kind, args, actor, created_ms, state, result) VALUES (%s, %s, %s, %s, 'new', '') RETURNING id",
        (kind, text(args), actor, now_ms),
    )
    assert row
    bells.ring(tx, "commands")
    return int(row[0])


def new_commands(tx: Tx) -> list[tuple[int, str, dict[str, object], str]]:
    rows = tx.rows("SELECT id, kind, args, actor FROM store_command WHERE state = 'new' ORDER BY id LIMIT 100")
    return [(i, k, plain(a), w) for i, k, a, w in rows]


def end_command(tx: Tx, id: int, state: str, result: str, now_ms: int) -> None:
    sql = "UPDATE store_command SET state = %s, result = %s, ended_ms = %s WHERE id = %s AND state = 'new'"
    tx.run(sql, (state, result, now_ms, id))


def latest_config(tx: Tx) -> tuple[int, str] | None:
    row = tx.one("SELECT id, doc FROM store_configversion ORDER BY id DESC LIMIT 1")
    return (int(row[0]), row[1]) if row else None


def config(tx: Tx, id: int) -> str | None:
    row = tx.one("SELECT doc FROM store_configversion WHERE id = %s", (id,))
    return row[0] if row else None


def add_config(tx: Tx, doc: str, author: str, note: str, now_ms: int) -> int:
    row = tx.one(
        "INSERT INTO store_configversion (created_ms, author, note, doc) VALUES (%s, %s, %s, %s) RETURNING id",
        (now_ms, author, note, doc),
    )
    assert row
    return int(row[0])


def put_secret(tx: Tx, connection: str, name: str, ciphertext: str) -> None:
    tx.run(
        "INSERT INTO store_storedsecret (connection, name, ciphertext) VALUES (%s, %s, %s) "
        "ON CONFLICT (connection, name) DO UPDATE SET ciphertext = excluded.ciphertext",
        (connection, name, ciphertext),
    )


def secrets_of(tx: Tx, connection: str) -> dict[str, str]:
    return dict(tx.rows("SELECT name, ciphertext FROM store_storedsecret WHERE connection = %s", (connection,)))


def config_history(tx: Tx) -> list[tuple[int, int, str, str]]:
    """(version, created_ms, author, note), newest first."""
    rows = tx.rows("SELECT id, created_ms, author, note FROM store_configversion ORDER BY id DESC LIMIT 1000")
    return [(int(i), int(at), author, note) for i, at, author, note in rows]


def lease_held(tx: Tx, now_ms: int) -> bool:
    """Whether a worker acts now."""
    return tx.one("SELECT 1 FROM store_lease WHERE name = 'hub' AND expires_ms >= %s", (now_ms,)) is not None


def epoch(tx: Tx) -> int:
    """The hub's epoch; 0 before the first lease."""
    row = tx.one("SELECT epoch FROM store_lease WHERE name = 'hub'")
    return int(row[0]) if row else 0


def raise_epoch(tx: Tx, above: int) -> None:
    """An epoch higher than any before, held by nobody: the next holder looks before it sends."""
    tx.run(
        "INSERT INTO store_lease (name, owner, epoch, expires_ms) VALUES ('hub', '', %s, 0) ON CONFLICT (name) DO UPDATE SET "
        "epoch = excluded.epoch, owner = '', expires_ms = 0",
        (above + 1,),
    )


def all_secrets(tx: Tx) -> list[tuple[str, str, str]]:
    """(connection, name, ciphertext)."""
    return [(c, n, t) for c, n, t in tx.rows("SELECT connection, name, ciphertext FROM store_storedsecret")]


def note_backup(tx: Tx, now_ms: int) -> None:
    """When the last backup was taken, for the panel."""
    tx.run(
        "INSERT INTO store_counter (name, value) VALUES ('backup_ms', %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (now_ms,),
    )


def swap_counter(tx: Tx, name: str, value: int) -> int | None:
    """Puts a counter to a value; what it was before."""
    row = tx.one("SELECT value FROM store_counter WHERE name = %s", (name,))
    tx.run(
        "INSERT INTO store_counter (name, value) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
    return int(row[0]) if row else None
