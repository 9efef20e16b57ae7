"""The demo on real programs: a hub between a real Tryton and a real Vendure, judged by what those two say of themselves.

Everything that is expected is reckoned from one program and looked for in the other, by code that uses neither connector.
"""

import asyncio
import logging
import random
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import aiohttp
import structlog

from nervo.bootstrap.hub import open_store
from nervo.bootstrap.real_hub import Bell, hub_between
from nervo.kit.clock import SystemClock
from nervo.staging.findings import Report
from nervo.staging.peers.process import PeerError, free_port
from nervo.staging.peers.tryton import TrytonPeer
from nervo.staging.peers.vendure import VendurePeer
from nervo.staging.real import PeerRefused, Placed, Sale, TrytonWarehouse, VendureCustomers
from nervo.store import overview
from nervo.store.database import Database

TEMPLATES, IN_STOCK = 50, 1000
ORDERS_BEFORE, ORDERS_DURING, ORDERS_AFTER = 8, 6, 6
STOCK_ROUNDS, PRICE_ROUNDS, SHIPPED = 10, 3, 3
WAIT_S, BACK_S, LOOK_S = 90.0, 150.0, 0.05
ALIVE = ("processing", "done")


@dataclass(slots=True)
class Scene:
    """The two programs, the people at each, and the hub between them."""

    tryton: TrytonPeer
    warehouse: TrytonWarehouse
    customers: VendureCustomers
    db: Database
    say: Callable[[str], None]
    chance: random.Random
    report: Report = field(default_factory=Report)
    placed: list[Placed] = field(default_factory=list)
    buyers: dict[str, str] = field(default_factory=dict)
    pieces: dict[str, int] = field(default_factory=dict)
    placed_at: dict[str, float] = field(default_factory=dict)
    in_erp_at: dict[str, float] = field(default_factory=dict)


async def demo_real(say: Callable[[str], None], *, seed: int = 1) -> Report:
    """Brings both programs up, trades, and reports. They are ended again whatever happens. Raises PeerError with what is missing."""
    # Tryton is cut off on purpose: what the hub would warn of is what is shown here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    loop, me = asyncio.get_running_loop(), asyncio.current_task()
    assert me
    loop.add_signal_handler(signal.SIGTERM, me.cancel)
    try:
        if missing := await asyncio.to_thread(VendurePeer.missing):
            raise PeerError(missing)
        async with _scene(say, seed) as scene:
            try:
                await _acts(scene)
            finally:
                scene.report.remarks += [f"open in the hub: {p}" for p in _problems(scene.db)]
            return scene.report
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def _acts(scene: Scene) -> None:
    watch = asyncio.create_task(_watch_erp(scene))
    try:
        if not await _products(scene):
            return
        await _orders(scene)
        await _orders_arrived(scene)
        await _stock_agrees(scene, "stock after the orders")
        await _stock_changes(scene)
        await _price_changes(scene)
        await _shipments(scene)
        await _cancellation(scene)
        await _stock_agrees(scene, "stock at the end")
        scene.report.note("open problems in the hub", 0, len(_problems(scene.db)))
    except PeerRefused as refused:
        scene.report.note("refused by a program", "nothing", refused)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


@asynccontextmanager
async def _scene(say: Callable[[str], None], seed: int) -> AsyncIterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="nervo-real-") as name:
        folder, bell = Path(name), Bell(free_port())
        tryton = TrytonPeer(templates=TEMPLATES, rundir=folder / "tryton", say=say)
        vendure = VendurePeer(hook_url=bell.url, rundir=folder / "vendure", say=say)
        try:
            await _together(tryton.install(), vendure.install())
            await tryton.init()
            say("Starting Tryton and Vendure …")
            await _together(tryton.start(), vendure.start())
            async with aiohttp.ClientSession() as http:
                db = await asyncio.to_thread(open_store, f"sqlite:///{folder}/nervo.sqlite3", folder, secret_key="demo")
                warehouse, customers = TrytonWarehouse(tryton.url, http), VendureCustomers(vendure.url, http)
                try:
                    async with hub_between(db, tryton, vendure, bell, SystemClock(), say):
                        yield Scene(tryton, warehouse, customers, db, say, random.Random(seed))
                finally:
                    await asyncio.to_thread(db.close)
        finally:
            await asyncio.gather(tryton.stop(), vendure.stop())


async def _together(*work: Awaitable[None]) -> None:
    """All of it; when one fails the others are cancelled and waited for."""
    tasks = [asyncio.ensure_future(w) for w in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _products(scene: Scene) -> bool:
    """Every SKU of Tryton is on sale at Vendure at Tryton's price and quantity. Without that there is nothing to go on with."""
    scene.say(f"Publishing {TEMPLATES} products with their variants from Tryton to Vendure …")
    started, wanted = time.monotonic(), await scene.warehouse.on_sale(scene.tryton.seed["wh1"])

    async def there() -> bool:
        shelf = await scene.customers.shelf()
        return {s: (x.cents, x.saleable) for s, x in shelf.items() if x.on_sale} == _as_shown(wanted)

    all_there = await _until(there)
    shelf = await scene.customers.shelf()
    right = sum(
        sku in shelf and (shelf[sku].cents, shelf[sku].saleable) == shown for sku, shown in _as_shown(wanted).items()
    )
    scene.report.note("SKUs at Vendure with Tryton's price and stock", len(wanted), right)
    scene.report.note("SKUs at Vendure in all", len(wanted), len(shelf))
    scene.report.took("first publication of all products", time.monotonic() - started)
    return all_there


def _as_shown(on_sale: Mapping[str, tuple[Decimal, int]]) -> dict[str, tuple[int, int]]:
    return {sku: (int(gross * 100), max(0, quantity)) for sku, (gross, quantity) in on_sale.items()}


async def _orders(scene: Scene) -> None:
    """Orders while all is well, then while Tryton is cut off in the middle of its work, then again."""
    scene.say("Placing orders at Vendure …")
    for _ in range(ORDERS_BEFORE):
        await _place(scene)
    await _until(lambda: _in_erp(scene, ORDERS_BEFORE - 2))
    scene.say("Cutting Tryton off while orders are on their way …")
    cut = time.monotonic()
    await scene.tryton.kill()
    for _ in range(ORDERS_DURING):
        await _place(scene)
    scene.say("Starting Tryton again …")
    await scene.tryton.resume()
    back = time.monotonic()
    await _until(lambda: _in_erp(scene, len(scene.placed)), BACK_S)
    scene.report.took("Tryton back → all waiting orders in it", time.monotonic() - back)
    waited = {code for code, at in scene.in_erp_at.items() if at >= cut}
    for _ in range(ORDERS_AFTER):
        await _place(scene)
        await asyncio.sleep(2.0)
    scene.say("Waiting for the last orders …")
    await _until(lambda: _in_erp(scene, len(scene.placed)))
    for code in scene.in_erp_at.keys() - waited:
        scene.report.took("order placed → confirmed sale in Tryton", scene.in_erp_at[code] - scene.placed_at[code])


async def _place(scene: Scene) -> None:
    """One order of one to four SKUs at mixed rates; some customers come twice."""
    skus = [f"ART-{k:05}-{size}" for k in range(TEMPLATES) for size in "ML"]
    lines = {sku: scene.chance.randint(1, 3) for sku in scene.chance.sample(skus, scene.chance.randint(1, 4))}
    buyer = scene.chance.randint(1, 14)
    order = await scene.customers.place(lines, email=f"cliente{buyer}@example.it", last=f"Verdi {buyer}")
    scene.placed_at[order.code] = time.monotonic()
    scene.placed.append(order)
    scene.buyers[order.code] = f"cliente{buyer}@example.it"
    scene.pieces[order.code] = sum(lines.values())


async def _watch_erp(scene: Scene) -> None:
    """Notes when each order is first seen as a confirmed sale; a Tryton that is off is asked again."""
    while True:
        with suppress(aiohttp.ClientError, OSError, PeerRefused):
            for reference in await scene.warehouse.confirmed():
                scene.in_erp_at.setdefault(reference, time.monotonic())
        await asyncio.sleep(0.1)


async def _in_erp(scene: Scene, count: int) -> bool:
    return sum(order.code in scene.in_erp_at for order in scene.placed) >= count


async def _orders_arrived(scene: Scene) -> None:
    """Each order is one confirmed sale, equal in total, customer and payment."""
    paid = {o["code"]: Decimal(sum(p["amount"] for p in o["payments"] if p["state"] == "Settled")) / 100 for o in
            await scene.customers.orders()}  # fmt: skip
    totals = {order.code: Decimal(order.total_cents) / 100 for order in scene.placed}

    async def all_paid() -> bool:
        return all(sale.paid for sale in await scene.warehouse.book())

    await _until(all_paid)
    book = await scene.warehouse.book()
    sales: dict[str, list[Sale]] = {}
    for sale in book:
        sales.setdefault(sale.reference, []).append(sale)
    note, count = scene.report.note, len(scene.placed)
    note("orders at Vendure", count, len(paid))
    note("sales in Tryton's web shop", count, len(book))
    note("orders that are exactly one sale", count, sum(len(sales.get(code, ())) == 1 for code in totals))
    note("confirmed sales", count, sum(s.state in ALIVE and s.reserved for s in book))
    note("sum of all orders", f"{sum(totals.values())} EUR", f"{sum(s.total for s in book)} EUR")
    note("sales with the order's total", count, sum(totals.get(s.reference) == s.total for s in book))
    note("sum of all payments", f"{sum(paid.values())} EUR", f"{sum(s.paid for s in book)} EUR")
    note("sales with the order's payment", count, sum(paid.get(s.reference) == s.paid for s in book))
    note("sales of the order's customer", count, sum(s.emails == (scene.buyers.get(s.reference),) for s in book))
    left = sum(quantity for _, quantity in (await scene.warehouse.on_sale(scene.tryton.seed["wh1"])).values())
    note("pieces that the orders took in Tryton", sum(scene.pieces.values()), 2 * TEMPLATES * IN_STOCK - left)
    note("customers", len(set(scene.buyers.values())), len({s.party for s in book}))


async def _stock_agrees(scene: Scene, what: str) -> None:
    """Vendure sells what Tryton has left, for every SKU."""

    async def differing() -> int:
        erp, shelf = await scene.warehouse.on_sale(scene.tryton.seed["wh1"]), await scene.customers.shelf()
        return sum(max(0, quantity) != shelf[sku].saleable for sku, (_, quantity) in erp.items())

    async def none() -> bool:
        return await differing() == 0

    await _until(none)
    scene.report.note(f"{what}: SKUs where Vendure and Tryton differ", 0, await differing())


async def _stock_changes(scene: Scene) -> None:
    """Counts in Tryton's warehouse, one after the other."""
    scene.say("Counting stock in Tryton …")
    warehouse, seen = scene.tryton.seed["wh1"], 0
    for n in range(STOCK_ROUNDS):
        sku, counted = f"ART-{30 + n:05}-M", 100 + n
        await scene.warehouse.set_stock(sku, counted, warehouse)
        started, left = time.monotonic(), (await scene.warehouse.on_sale(warehouse))[sku][1]

        async def shown(sku: str = sku, left: int = left) -> bool:
            return (await scene.customers.shelf(sku))[sku].saleable == left

        seen += await _until(shown)
        scene.report.took("stock counted in Tryton → saleable at Vendure", time.monotonic() - started)
    scene.report.note("stock changes of Tryton seen at Vendure", STOCK_ROUNDS, seen)


async def _price_changes(scene: Scene) -> None:
    scene.say("Changing prices in Tryton …")
    warehouse, seen = scene.tryton.seed["wh1"], 0
    for n in range(PRICE_ROUNDS):
        product = f"ART-{20 + n:05}"
        await scene.warehouse.raise_price(product, Decimal("1.08"))
        started, gross = time.monotonic(), (await scene.warehouse.on_sale(warehouse))[f"{product}-L"][0]

        async def shown(sku: str = f"{product}-L", cents: int = int(gross * 100)) -> bool:
            return (await scene.customers.shelf(sku))[sku].cents == cents

        seen += await _until(shown)
        scene.report.took("price changed in Tryton → price at Vendure", time.monotonic() - started)
    scene.report.note("price changes of Tryton seen at Vendure", PRICE_ROUNDS, seen)


async def _shipments(scene: Scene) -> None:
    scene.say("Shipping in Tryton …")
    sales = {sale.reference: sale for sale in await scene.warehouse.book()}
    for n, order in enumerate(scene.placed[:SHIPPED], 1):
        tracking = f"RR{n:09}IT"
        await scene.warehouse.ship(sales[order.code].web_id, tracking)
        started = time.monotonic()

        async def told(code: str = order.code, tracking: str = tracking) -> bool:
            return await _fulfilled(scene, code) == ("Shipped", tracking, True)

        await _until(told)
        scene.report.took("shipment done in Tryton → fulfilled at Vendure", time.monotonic() - started)
        state, seen, whole = await _fulfilled(scene, order.code)
        scene.report.note(
            f"order {order.code} shipped",
            f"Shipped {tracking} whole",
            f"{state} {seen} {'whole' if whole else 'in part'}",
        )


async def _fulfilled(scene: Scene, code: str) -> tuple[str, str, bool]:
    """An order's state at Vendure, its tracking numbers, and whether every piece of it is in one fulfilment."""
    (order,) = [o for o in await scene.customers.orders() if o["code"] == code]
    fulfilments = order["fulfillments"] or []
    shipped = sum(line["quantity"] for f in fulfilments for line in f["lines"])
    whole = shipped == sum(line["quantity"] for line in order["lines"])
    return order["state"], " ".join(f["trackingCode"] for f in fulfilments), whole


async def _cancellation(scene: Scene) -> None:
    """The shop cancels an order that has not left: Tryton cancels the sale and has its goods again."""
    scene.say("Cancelling an order at Vendure …")
    order, warehouse = scene.placed[-1], scene.tryton.seed["wh1"]
    before = sum(quantity for _, quantity in (await scene.warehouse.on_sale(warehouse)).values())
    await scene.customers.cancel(order.id)
    started, pieces = time.monotonic(), scene.pieces[order.code]

    async def undone() -> bool:
        (sale,) = [s for s in await scene.warehouse.book() if s.reference == order.code]
        return not sale.reserved and not sale.paid

    await _until(undone)
    scene.report.took("cancelled at Vendure → cancelled in Tryton", time.monotonic() - started)
    (sale,) = [s for s in await scene.warehouse.book() if s.reference == order.code]
    after = sum(quantity for _, quantity in (await scene.warehouse.on_sale(warehouse)).values())
    scene.report.note(f"cancelled order {order.code}: Tryton keeps goods", False, sale.reserved)
    scene.report.note(f"cancelled order {order.code}: paid in Tryton", Decimal(0), sale.paid)
    scene.report.note(f"cancelled order {order.code}: pieces back in Tryton", pieces, after - before)


def _problems(db: Database) -> list[str]:
    rows = db.read_now(lambda tx: overview.problems(tx, 20))
    return [f"{row.code} {row.connection} {row.subject} {row.key} {row.said}".strip() for row in rows]


async def _until(condition: Callable[[], Awaitable[bool]], at_most_s: float = WAIT_S) -> bool:
    """Waits for it; False when it did not come."""
    end = time.monotonic() + at_most_s
    while time.monotonic() < end:
        with suppress(aiohttp.ClientError, PeerRefused):
            if await condition():
                return True
        await asyncio.sleep(LOOK_S)
    return False
