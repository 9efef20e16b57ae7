"""What is checked: the product, which has to be right; and policies that are known to be bad, which have to be found wrong. A policy
is the product with one function replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

from nervo.bootstrap import backup
from nervo.flows import place_order, writing
from nervo.flows.writing import Next
from nervo.ports.erp import OrderKey
from nervo.store import facts, holds, operations, publications
from nervo.store.database import Tx
from nervo.store.ticks import tick
from nervo.sync import lease, publish
from nervo.sync.context import Hub
from tests.prove.model.checker import Verdict, explore
from tests.prove.model.holds import Holds
from tests.prove.model.leases import Leases
from tests.prove.model.orders import Orders
from tests.prove.model.steps import NOW_MS
from tests.prove.model.stock import Stock
from tests.prove.model.world import World

Patch = tuple[Any, str, Any]
THE_PRODUCT = "the product"
UNIQUE, SEARCHABLE, NONE = OrderKey.UNIQUE, OrderKey.SEARCHABLE, OrderKey.NONE


@dataclass(frozen=True)
class Case:
    """A policy in a model, and what of the product it replaces. `bad`: it has to be found wrong, in so many moves. `long`: for the
    full check only."""

    policy: str
    make: Callable[..., World]
    replaced: tuple[Patch, ...] = ()
    bad: int = 0
    long: bool = False

    def check(self) -> Verdict:
        with _put(self.replaced):
            return explore(self.make(policy=self.policy))

    def __str__(self) -> str:
        given = getattr(self.make, "keywords", {})
        args = [*map(str, getattr(self.make, "args", ())), *(f"{k}={v}" for k, v in given.items())]
        return f"{getattr(self.make, 'func', self.make).__name__}({', '.join(args)}) {self.policy}"


@contextmanager
def _put(replaced: tuple[Patch, ...]) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(patch.object(operations, "database_ms", lambda tx: NOW_MS))
        for where, name, instead in replaced:
            stack.enter_context(patch.object(where, name, instead))
        yield


# Orders -----------------------------------------------------------------------------------------------------------------------------


async def _no_look_up(hub: Any, kept: Any, *, writes: bool) -> None:
    return None


def _look_then_write(found: bool, **_: Any) -> Next:
    return Next.TAKE if found else Next.GO_ON


def _takes_again_at_once(hub: Any, tx: Tx) -> int | None:
    return lease._asked(hub, tx, lease._now_ms(hub, tx))


LOOK_THEN_WRITE: tuple[Patch, ...] = ((writing, "after_look_up", _look_then_write),)
ORDERS = [
    Case(THE_PRODUCT, partial(Orders, UNIQUE, time_outs=1, crashes=1)),
    Case(THE_PRODUCT, partial(Orders, UNIQUE, time_outs=1, refusals=1, cancellations=1, coarse=True)),
    Case(THE_PRODUCT, partial(Orders, SEARCHABLE, time_outs=1, crashes=1)),
    Case(THE_PRODUCT, partial(Orders, SEARCHABLE, time_outs=1, refusals=1, cancellations=1, coarse=True)),
    Case(THE_PRODUCT, partial(Orders, NONE, time_outs=1, crashes=1)),
    Case(THE_PRODUCT, partial(Orders, UNIQUE, time_outs=1, full_stores=1)),
    Case(THE_PRODUCT, partial(Orders, SEARCHABLE, time_outs=1, full_stores=1)),
    Case("late writes keep to no bound", partial(Orders, UNIQUE, bounded=False, time_outs=1)),
    Case(THE_PRODUCT, partial(Orders, SEARCHABLE, time_outs=2, crashes=2, cancellations=1), long=True),
    Case(THE_PRODUCT, partial(Orders, UNIQUE, hubs=2, takeovers=2)),
    Case(THE_PRODUCT, partial(Orders, SEARCHABLE, hubs=2, takeovers=2, time_outs=1), long=True),
    Case("late writes keep to no bound", partial(Orders, SEARCHABLE, bounded=False, time_outs=1), bad=17),
    Case("blind retry", partial(Orders, SEARCHABLE, time_outs=1), ((place_order, "look_up", _no_look_up),), bad=11),
    Case("look up, then retry", partial(Orders, SEARCHABLE, time_outs=1), LOOK_THEN_WRITE, bad=13),
    Case("look up, fence at the ERP", partial(Orders, SEARCHABLE, fenced=True, time_outs=1), LOOK_THEN_WRITE, bad=13),
    Case(
        "a lost lease is taken again at once",
        partial(Orders, SEARCHABLE, hubs=2, takeovers=2),
        ((lease, "_take", _takes_again_at_once),),
        bad=12,
    ),
]

# Stock ------------------------------------------------------------------------------------------------------------------------------

_set_state, _put_stock = publications.set_state, facts.put_stock
LOOSE: dict[str, Any] = {"strict": False}  # only what is shown in the end counts


def _unknown_is_new(
    tx: Tx, channel: str, kind: str, keys: Any, state: str, *, error: str = "", not_before_ms: int = 0
) -> None:
    _set_state(tx, channel, kind, keys, "new")


def _last_message_wins(tx: Tx, figures: Any, version: int, now_ms: int, known: object = None) -> set[str]:
    return _put_stock(tx, figures, tick(tx), now_ms)


def _only_in_flight(tx: Tx, channel: str, epoch: int, until_ms: int) -> int:
    return tx.run(
        "UPDATE store_publication SET state = 'unknown', not_before_ms = %s, inflight_epoch = 0 WHERE channel = %s "
        "AND inflight_epoch > 0 AND inflight_epoch < %s",
        (until_ms, channel, epoch),
    )


def _claimed(hub: Hub, tx: Tx, channel: str, kind: str, size: int) -> list[publications.Claim]:
    return publications.claim(tx, channel, kind, hub.now_ms(), size)


LAST_WINS: tuple[Patch, ...] = ((facts, "put_stock", _last_message_wins), (facts, "disputed", lambda *_: set()))
NO_QUARANTINE: tuple[Patch, ...] = ((publications, "set_state", _unknown_is_new),)
STOCK = [
    Case(THE_PRODUCT, partial(Stock, changes=2, time_outs=1)),
    Case(THE_PRODUCT, partial(Stock, changes=2, time_outs=1, compare=True)),
    Case(THE_PRODUCT, partial(Stock, changes=1, time_outs=1, crashes=1)),
    Case(THE_PRODUCT, partial(Stock, sales=1, time_outs=1, cap=4)),
    Case(THE_PRODUCT, partial(Stock, changes=1, hand_edits=1, time_outs=1, coarse=True)),
    Case(THE_PRODUCT, partial(Stock, changes=1, snapshots=1, coarse=True)),
    Case(THE_PRODUCT, partial(Stock, changes=2, full_stores=1)),
    Case(THE_PRODUCT, partial(Stock, changes=2, full_stores=1, time_outs=1), long=True),
    Case(THE_PRODUCT, partial(Stock, changes=1, time_outs=1, hubs=2, takeovers=1, skew=True), long=True),
    Case(THE_PRODUCT, partial(Stock, changes=1, snapshots=1, duplicates=1), long=True),
    Case(THE_PRODUCT, partial(Stock, changes=1, sales=1, time_outs=1, cap=4), long=True),
    Case(THE_PRODUCT, partial(Stock, changes=2, time_outs=2), long=True),
    Case(THE_PRODUCT, partial(Stock, changes=2, time_outs=2, compare=True), long=True),
    Case(THE_PRODUCT, partial(Stock, changes=1, sales=1, crashes=1, time_outs=1), long=True),
    Case(THE_PRODUCT, partial(Stock, changes=1, hand_edits=1, sweeps=1, time_outs=1, coarse=True), long=True),
    Case("late writes keep to no bound", partial(Stock, bounded=False, changes=2, time_outs=1), bad=15),
    Case("last message wins", partial(Stock, changes=1, snapshots=1, **LOOSE), LAST_WINS, bad=9),
    Case(
        "older versions are dropped, no more",
        partial(Stock, lone=False, changes=2, time_outs=1, **LOOSE),
        NO_QUARANTINE,
        bad=15,
    ),
    Case("and one write at a time", partial(Stock, changes=2, time_outs=1, **LOOSE), NO_QUARANTINE, bad=15),
    Case(
        "value compare-and-set instead",
        partial(Stock, compare=True, changes=2, time_outs=1, **LOOSE),
        NO_QUARANTINE,
        bad=15,
    ),
    Case(
        "read back at once",
        partial(Stock, changes=2, time_outs=1, **LOOSE),
        ((Hub, "late_ms", lambda *_: 0),),
        bad=18,
    ),
    Case(
        "a crash leaves nothing unknown",
        partial(Stock, changes=2, crashes=1, **LOOSE),
        ((lease, "quarantine", lambda *_: 0), (publish, "claimed", _claimed)),
        bad=23,
    ),
    Case(
        "what could not be noted was not sent",
        partial(Stock, changes=2, full_stores=1, **LOOSE),
        ((publish, "claimed", _claimed),),
        bad=14,
    ),
    Case(
        "the channel's own sale is not doubted",
        partial(Stock, sales=1, cap=4, **LOOSE),
        ((publications, "doubt", lambda *_: None),),
        bad=3,
    ),
    Case(
        "waiting is left to the clock that began it",
        partial(Stock, changes=1, time_outs=1, hubs=2, takeovers=1, skew=True),
        ((publications, "quarantine", _only_in_flight),),
        bad=14,
    ),
]

# Holds ------------------------------------------------------------------------------------------------------------------------------


def _ends_at_confirmation(tx: Tx, order_id: int) -> None:
    holds.release(tx, order_id, "confirmed")


HOLDS = [
    Case(THE_PRODUCT, partial(Holds, notices=1, time_outs=1)),
    Case(THE_PRODUCT, partial(Holds, snapshots=1)),
    Case(THE_PRODUCT, partial(Holds, cancellations=1, coarse=True)),
    Case(THE_PRODUCT, partial(Holds, orders=1, coarse=True)),
    Case(THE_PRODUCT, partial(Holds, notices=1, cancellations=1), long=True),
    Case(THE_PRODUCT, partial(Holds, snapshots=1, cancellations=1, coarse=True), long=True),
    Case("a hold ends by a timer", partial(Holds, timer=True), bad=1),
    Case("a hold ends at the confirmation", Holds, ((holds, "confirmed", _ends_at_confirmation),), bad=10),
    Case("a figure is as new as its arrival", partial(Holds, notices=1), LAST_WINS, bad=14),
]

# Lease ------------------------------------------------------------------------------------------------------------------------------

LEASES = [
    Case(THE_PRODUCT, partial(Leases, ticks=3)),
    Case(THE_PRODUCT, partial(Leases, ticks=4, skew=True)),
    Case(THE_PRODUCT, partial(Leases, ticks=3, naps=1), long=True),
    Case(THE_PRODUCT, partial(Leases, ticks=4, gives=1), long=True),
    Case(THE_PRODUCT, partial(Leases, ticks=3, jumps=1), long=True),
    Case(
        "effects are noted without asking", partial(Leases, ticks=4), ((lease, "still_ours", lambda *_: None),), bad=7
    ),
    Case("each hub goes by its own clock", partial(Leases, ticks=4, skew=True, own_clock=True), bad=2),
    Case("the machine sleeps and its clock is set back", partial(Leases, ticks=3, naps=2, jumps=1), bad=5),
]

# Restore ----------------------------------------------------------------------------------------------------------------------------

_raise_epoch = operations.raise_epoch


def _only_a_new_epoch(tx: Tx, epoch: int) -> int:
    _raise_epoch(tx, max(epoch, operations.epoch(tx)))
    return tx.run("DELETE FROM store_sourcecursor WHERE entity = 'stock'")


RESTORE = [
    Case(THE_PRODUCT, partial(Stock, changes=1, restores=1, coarse=True)),
    Case(THE_PRODUCT, partial(Orders, UNIQUE, restores=1, cancellations=1, coarse=True)),
    Case(THE_PRODUCT, partial(Orders, SEARCHABLE, restores=1, time_outs=1, coarse=True)),
    Case("restored while writes are on their way", partial(Stock, changes=1, restores=1, coarse=True, calm=False)),
    Case(
        "restored while writes are on their way",
        partial(Orders, SEARCHABLE, restores=1, coarse=True, calm=False),
        bad=13,
    ),
    Case(
        "restored without a new epoch",
        partial(Stock, changes=1, restores=1, stopped=False),
        ((operations, "raise_epoch", lambda *_: None), (publish, "claimed", _claimed)),
        bad=10,
    ),
    Case(
        "restored without reading back",
        partial(Stock, changes=1, restores=1),
        ((backup, "distrust", _only_a_new_epoch),),
        bad=11,
    ),
]

ALL = [*STOCK, *ORDERS, *HOLDS, *LEASES, *RESTORE]
