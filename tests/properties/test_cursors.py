"""The sweep over a shop's orders, whatever its clock does and whatever changes between two pages: nothing that stays is missed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from nervo.model.orders import Order
from nervo.ports.common import Cursor, Page
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import facts, operations
from nervo.sync import orders
from nervo.sync.orders import OVERLAP_S
from tests.hub import TestHub
from tests.properties.depot import order
from tests.properties.ground import fresh
from tests.properties.profile import Machine, examples

# An hour before summer time begins, before it ends, before a leap day begins, and the last second of a year.
STARTS = ["2026-03-29T00:30:00", "2026-10-25T00:30:00", "2028-02-28T23:59:30", "2026-12-31T23:59:59"]
PAGE = 3
MOST_BACK_S = 40.0


class FeedShop(WorldShop):
    """Orders by (time of change, id), a page at a time. A change becomes visible when it is committed, with the time at which its
    transaction began; between two pages others may change."""

    def __init__(self) -> None:
        super().__init__([])
        self.rows: dict[str, Order] = {}
        self.hidden: dict[str, Order] = {}
        self.between: list[str] = []
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.asked = 0

    def touch(self, number: str, *, late: bool = False) -> None:
        before = self.hidden.pop(number, None) or self.rows.get(number)
        base = before or replace(order(number, []), placed_at=self.now)
        version = f"{int(base.version) + 1:06}"
        (self.hidden if late else self.rows)[number] = replace(base, version=version, updated_at=self.now)

    def oldest_hidden(self) -> datetime:
        return min((row.updated_at for row in self.hidden.values()), default=self.now)

    def commit(self) -> None:
        self.rows |= self.hidden
        self.hidden = {}

    async def orders(self, after: Cursor | None) -> Page[Order]:
        self.asked += 1
        rows = sorted(self.rows.values(), key=self.place)
        if after is None:
            return Page((), Cursor(*self.place(rows[-1])) if rows else None, False)
        rows = [row for row in rows if self.place(row) > (after.at, after.id)]
        page, more = rows[:PAGE], len(rows) > PAGE
        if self.between:
            self.now += timedelta(milliseconds=1)
            self.touch(self.between.pop())
        return Page(tuple(page), Cursor(*self.place(page[-1])) if page else after, more)

    @staticmethod
    def place(row: Order) -> tuple[datetime, str]:
        return row.updated_at, row.external_id


class Cursors(Machine):
    """`told`: what had been committed when a sweep began has to be known when it has ended."""

    @initialize(start=st.sampled_from(STARTS), offset=st.sampled_from([0, 1, 2]))
    def begin(self, start: str, offset: int) -> None:
        self.ground, self.shop = fresh(), FeedShop()
        self.shop.now = datetime.fromisoformat(start).replace(tzinfo=UTC)
        self.hub = TestHub(WorldErp(), {"shop": self.shop})
        self.hub.clock.advance((self.shop.now - self.hub.clock.now()).total_seconds())
        self.hub.hub.start_flow = lambda *flow: None
        self.channel = self.hub.hub.channels()[0]
        self.ground.write(lambda tx: facts.put_products(tx, [], 1))
        self.ground.run(orders.start_point(self.hub.hub, self.channel))
        self.cursor: Cursor | None = None
        self.back = False

    @rule(numbers=st.lists(st.integers(1, 12).map(str), min_size=1, max_size=12), late=st.booleans())
    def orders_change(self, numbers: list[str], late: bool) -> None:
        """Several within one moment."""
        for number in numbers:
            self.shop.touch(number, late=late)

    @rule(seconds=st.sampled_from([0.0, 0.001, 1.0, 59.0, 3600.0, 86_400.0]))
    def time_goes_on(self, seconds: float) -> None:
        """What is under way is committed within the overlap."""
        if self.shop.now + timedelta(seconds=seconds + MOST_BACK_S) - self.shop.oldest_hidden() > timedelta(
            seconds=OVERLAP_S
        ):
            self.shop.commit()
            self.the_hub_sweeps()
        self.shop.now += timedelta(seconds=seconds)
        self.hub.clock.advance(seconds)

    @rule(
        seconds=st.sampled_from([3600.0, 86_400.0, 366 * 86_400.0]),
        numbers=st.lists(st.integers(1, 12).map(str), max_size=4),
    )
    def the_shops_clock_runs_ahead_for_a_moment(self, seconds: float, numbers: list[str]) -> None:
        self.shop.now += timedelta(seconds=seconds)
        for number in numbers:
            self.shop.touch(number)
        self.the_hub_sweeps()
        self.shop.now -= timedelta(seconds=seconds)

    @rule()
    def the_shops_clock_is_set_back_a_little(self) -> None:
        if not self.back:
            self.shop.now -= timedelta(seconds=MOST_BACK_S)
        self.back = True

    @rule()
    def it_is_committed(self) -> None:
        self.shop.commit()

    @rule(between=st.lists(st.integers(1, 12).map(str), max_size=4))
    def the_hub_sweeps(self, between: list[str] | tuple[str, ...] = ()) -> None:
        there, asked = dict(self.shop.rows), self.shop.asked
        self.shop.between = list(between)
        self.ground.run(orders.sweep(self.hub.hub, self.channel))
        self.shop.between = []
        assert self.shop.asked - asked < 100
        self.is_known(there)

    def is_known(self, there: dict[str, Order]) -> None:
        kept = dict(self.hub.ask("SELECT external_id, version FROM store_saleorder"))
        assert {n: row.version for n, row in there.items() if str(kept.get(n, "")) < row.version} == {}

    @invariant()
    def the_cursor_never_goes_back(self) -> None:
        now = self.hub.hub.db.read_now(lambda tx: operations.cursor(tx, "shop", "orders"))
        if self.cursor and now:
            assert now.at >= self.cursor.at
        self.cursor = now

    def teardown(self) -> None:
        if hasattr(self, "cursor"):
            self.shop.commit()
            self.the_hub_sweeps()


TestCursors = Cursors.TestCase
TestCursors.settings = examples(60, stateful_step_count=30)
