"""The ledger of what the channels show."""

from __future__ import annotations

import pytest

from nervo.store import publications
from nervo.store.database import Database

ROW = "SELECT state, not_before_ms, attempts FROM store_publication"


@pytest.mark.fault(28)
def test_what_a_dead_hub_was_sending_is_waited_out_and_no_hub_after_it_waits_longer(store: str) -> None:
    db = Database()
    db.write_now(lambda tx: publications.mark(tx, "shop", "stock", ["A"], 0))
    for epoch in range(1, 9):  # killed each time as soon as it acts
        db.write_now(lambda tx, epoch=epoch: publications.sending(tx, "shop", "stock", ["A"], epoch))
        db.write_now(lambda tx, epoch=epoch: publications.quarantine(tx, "shop", epoch + 1, 1000 * epoch))
        assert db.read_now(lambda tx: tx.rows(ROW)) == [("unknown", 1000 * epoch, 1)]
    db.close()
