"""From the ERP: hints become reads, reads become facts, facts make keys dirty."""

from collections.abc import Sequence

from nervo.errors import NervoError
from nervo.model.stock import StockFigure
from nervo.ports.common import Cursor
from nervo.store import facts, operations, refresh
from nervo.store.database import Tx
from nervo.store.refresh import Due
from nervo.store.ticks import tick
from nervo.sync import unreadable
from nervo.sync.context import Hub
from nervo.sync.figures import believed_prices, believed_stock

OVERLAP_S = 300.0
LOW = 5
MAX_TOGETHER = 5_000
MAX_PAGES = 10_000


async def first_reading(hub: Hub) -> None:
    """Everything once, when the hub has never read this ERP; then where its stock feed stood before that."""
    erp = hub.config.erp
    if await hub.db.read(lambda tx: operations.cursor(tx, erp, "stock")):
        return
    stands = await hub.erp().call("changed_stock", None)
    await catalogue(hub)
    await snapshot(hub)
    cursor = stands.next or Cursor(hub.clock.now())
    await hub.db.write(lambda tx: operations.set_cursor(tx, erp, "stock", cursor, hub.now_ms()))


async def snapshot(hub: Hub) -> int:
    """All stock figures, page by page, against the facts; how many SKUs may show differently."""
    mark, changed = None, 0
    for _ in range(MAX_PAGES):
        started = await hub.db.write(tick, durable=False)
        figures, mark = await hub.erp().call("stock_snapshot", mark)
        changed += await _keep(hub, figures, started)
        if mark is None:
            return changed
    return changed


async def catalogue(hub: Hub) -> None:
    """Products, prices and promotions that changed since the last time."""
    for entity in ("products", "prices", "promotions"):
        if getattr(hub.erp().port.capabilities, entity):
            await _feed(hub, entity)


async def _feed(hub: Hub, entity: str) -> None:
    erp = hub.config.erp
    cursor = await hub.db.read(lambda tx: operations.cursor(tx, erp, entity))
    for _ in range(MAX_PAGES):
        version = await hub.db.write(tick)
        page = await hub.erp().call(entity, cursor)

        def keep(tx: Tx, page=page, version=version) -> None:  # type: ignore[no-untyped-def]
            _keep_page(hub, tx, entity, page.items, version)
            unreadable.told(hub, tx, entity, page)
            if page.next:
                operations.set_cursor(tx, erp, entity, page.next, hub.now_ms())

        await hub.db.write(keep)
        for kind in ("product", "price", "stock"):
            hub.ring_publishers(kind)
        if not page.more or page.next == cursor:
            return
        cursor = page.next


def _keep_page(hub: Hub, tx: Tx, entity: str, items: Sequence[object], version: int) -> None:
    if entity == "products":
        codes, skus = facts.put_products(tx, items, version)  # type: ignore[arg-type]
        hub.mark(tx, "product", codes)
        hub.mark(tx, "price", skus)
        hub.mark(tx, "stock", skus)
    elif entity == "prices":
        hub.mark(tx, "price", facts.put_prices(tx, believed_prices(hub, tx, items), version))  # type: ignore[arg-type]
    else:
        facts.put_promotions(tx, items, version)  # type: ignore[arg-type]


async def listen(hub: Hub) -> int:
    """SKUs that moved since the last time become keys to read; how many."""
    erp = hub.config.erp
    cursor = await hub.db.read(lambda tx: operations.cursor(tx, erp, "stock"))
    page = await hub.erp().call("changed_stock", cursor)

    def keep(tx: Tx) -> None:
        if page.items:
            refresh.want(tx, erp, "stock", page.items, "sweep", hub.now_ms())
        if page.next:
            operations.set_cursor(tx, erp, "stock", page.next, hub.now_ms())

    if page.items or page.next != cursor:
        await hub.db.write(keep, durable=False)
    if page.items:
        hub.ring("stock")
    return len(page.items)


class Doorbell:
    """Waits at the ERP's doorbell; what it rings for is read at once instead of at the next poll."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._mark = ""

    async def step(self) -> int:
        """One wait; the next begins at once, unless this one ended at once for nothing."""
        started, first = self.hub.clock.monotonic(), not self._mark
        self._mark, rang = await self.hub.erp().call("doorbell", self._mark, attempts=1)
        if rang:
            for bell in ("listen", "stock", "catalogue", "erp_orders"):
                self.hub.ring(bell)
        return int(rang or first or self.hub.clock.monotonic() - started > 1.0)


async def read_stock(hub: Hub) -> int:
    """Reads what is wanted, newest figures only; how many SKUs were read. A failed read leaves its keys wanted."""
    erp, batch = hub.config.erp, hub.erp().port.capabilities.stock_batch

    def begin(tx: Tx) -> tuple[list[Due], int]:
        found = refresh.due(tx, erp, "stock", hub.due_ms(), batch)
        return found, tick(tx) if found else 0

    due, started = await hub.db.write(begin, durable=False)
    if not due:
        return 0
    try:
        figures = await hub.erp().call("stock_of", [d.key for d in due])
    except NervoError as error:
        said = str(error)
        await hub.db.write(
            lambda tx: refresh.postponed(tx, erp, "stock", [d.key for d in due], hub.due_ms() + 1000, said)
        )
        raise
    await _keep(hub, figures, started, due)
    return len(due)


async def _keep(hub: Hub, figures: Sequence[StockFigure], started: int, due: Sequence[Due] = ()) -> int:
    """Keeps figures, and that what was due has been read; how many SKUs differ."""
    parts = [figures[i : i + MAX_TOGETHER] for i in range(0, max(1, len(figures)), MAX_TOGETHER)]
    *before, last = parts
    return sum([await _keep_part(hub, part, started, ()) for part in before]) + await _keep_part(
        hub, last, started, due
    )


async def _keep_part(hub: Hub, figures: Sequence[StockFigure], started: int, due: Sequence[Due]) -> int:
    def keep(tx: Tx) -> set[str]:
        refresh.read(tx, hub.config.erp, "stock", due)
        believed = believed_stock(hub, tx, figures)
        known = facts.kept_stock(tx, believed)
        kept = _undisputed(hub, tx, known, believed, started)
        changed = facts.put_stock(tx, kept, started, hub.now_ms(), known)
        low = {f.sku for f in kept if f.sku in changed and f.quantity <= LOW}
        hub.mark(tx, "stock", low, priority=1)
        hub.mark(tx, "stock", changed - low)
        return changed

    changed = await hub.db.write(keep, durable=False)
    if changed:
        hub.ring_publishers("stock")
    return len(changed)


def _undisputed(hub: Hub, tx: Tx, known: facts.Kept, figures: list[StockFigure], started: int) -> list[StockFigure]:
    """Two reads that overlap (a page of the snapshot, a single SKU): where they differ nobody knows which is newer; it is read again."""
    disputed = facts.disputed(known, figures, started)
    if not disputed:
        return figures
    refresh.want(tx, hub.config.erp, "stock", disputed, "hub", hub.now_ms())
    return [f for f in figures if f.sku not in disputed]
