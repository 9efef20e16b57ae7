"""What became of a rehearsal, counted from the books of the simulators: the ERP's against the shops'."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Protocol

from nervo.staging.trading import PUBLIC, Placed, World

CENT = Decimal("0.01")


class Changed(Protocol):
    """A change of stock whose way to the channels is measured."""

    @property
    def at(self) -> float: ...

    @property
    def sku(self) -> str: ...

    @property
    def wanted(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True)
class Result:
    """Counts from both sides' books. `complaints` says what else is not as it should be, in words."""

    orders: int
    in_erp: int
    duplicates: int
    held: int
    lost: int
    diverged: int
    p50_ms: int
    p99_ms: int
    complaints: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return (
            self.orders > 0
            and self.orders == self.in_erp + self.held
            and self.duplicates == self.lost == self.diverged == 0
            and not self.complaints
        )

    def line(self) -> str:
        return (
            f"orders {self.orders} in_erp {self.in_erp} duplicates {self.duplicates} held {self.held} lost {self.lost} "
            f"diverged {self.diverged} propagation_ms p50 {self.p50_ms} p99 {self.p99_ms}"
        )


def reckon(world: World, held: set[tuple[str, str]], changes: Iterable[Changed]) -> Result:
    """`held` are the orders (shop, id) that the hub shows to a person with a reason; nothing else is taken from its tables."""
    sold = {(name, str(id)) for name, shop in world.shops.items() for id in shop.order_ids()}
    keys = {(p.shop, p.id): p.key for p in world.placed}
    written = Counter(row["key"] for row in world.erp.orders())
    sold -= {
        order for order in world.cancelled if not written[keys.get(order, "")]
    }  # cancelled before anybody wrote them
    in_erp = {order for order in sold if written[keys.get(order, "")]}
    kept = (sold & held) - in_erp
    times, late = propagation(world, changes)
    return Result(
        len(sold), len(in_erp), sum(written.values()) - len(written), len(kept), len(sold - in_erp - kept), len(diverged(world)),
        _percentile(times, 50), _percentile(times, 99), tuple(_complaints(world, kept, late, len(times))),
    )  # fmt: skip


def shown_at(world: World, name: str, sku: str, kept: int) -> int:
    """What the shop has to show now: the ERP's figure less what held orders keep, under the channel's rule."""
    rule = world.config.connections[name].stock
    figure = (
        sum((world.erp.figure(sku, w) for w in rule.warehouses), Decimal(0))
        if rule.warehouses
        else world.erp.figure(sku)
    )
    shown = ((figure - kept) * rule.share).to_integral_value(ROUND_FLOOR) - rule.safety
    shown = min(shown, rule.cap) if rule.cap is not None else shown
    return 0 if shown <= rule.last_units else int(shown)


def diverged(world: World) -> list[tuple[str, str, int | None, int]]:
    """SKUs that a shop shows differently: (shop, sku, shown, wanted)."""
    kept = Counter[str]()
    in_erp = {row["key"] for row in world.erp.orders() if row["state"] != "draft"}
    for placed in world.placed:
        if placed.key not in in_erp and (placed.shop, placed.id) not in world.cancelled:
            kept.update(dict(placed.lines))
    rows = [
        (name, sku, _asked(shop.quantity, sku), shown_at(world, name, sku, kept[sku]))
        for name, shop in world.shops.items()
        for sku in world.skus
    ]
    return [row for row in rows if row[2] != row[3]]


def propagation(world: World, changes: Iterable[Changed]) -> tuple[list[float], int]:
    """Milliseconds from the ERP's ledger to the shop's history for every change made while the ERP was healthy, and how many
    never arrived. A later state of the same SKU contains the earlier change."""
    shown: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for name, shop in world.shops.items():
        for at, sku, quantity in shop.history:
            shown.setdefault((name, sku), []).append((at, int(quantity)))
    made = list(changes)
    times, missing = [], 0
    for number, change in enumerate(made):
        later = [c for c in made[number:] if c.sku == change.sku]
        for name in world.shops:
            history = shown.get((name, change.sku), [])
            if not _needed(made[:number], later, history, name):
                continue
            right = {c.wanted[name] for c in later}
            effective = next((at for at, n in history if at >= change.at and n in right), None)
            if effective is None:
                missing += 1
            elif world.healthy(change.at, effective):
                times.append((effective - change.at) * 1000)
    return sorted(times), missing


def _needed(earlier: list[Changed], later: list[Changed], history: list[tuple[float, int]], name: str) -> bool:
    """Whether the channel had to be told of the first of `later` at all: a cap may hide it, and a count that is soon taken back
    may never leave the hub."""
    change = later[0]
    before = [c for c in earlier if c.sku == change.sku]
    if before and before[-1].wanted[name] == change.wanted[name]:
        return False
    showed = [n for at, n in history if at < change.at][-1:]
    return not any(c.wanted[name] in showed for c in later)


def _complaints(world: World, kept: set[tuple[str, str]], late: int, measured: int) -> Iterable[str]:
    rows = {row["key"]: row for row in world.erp.orders()}
    for placed in world.placed:
        here, row = (placed.shop, placed.id), rows.get(placed.key)
        doubtful = placed.doubtful and here not in world.cancelled
        if doubtful != (here in kept):
            yield f"{placed.shop} {placed.id} is {'not ' if doubtful else ''}held"
        if row:
            yield from (f"{placed.shop} {placed.id}: {said}" for said in _wrong(world, placed, row))
    if late:
        yield f"{late} stock changes never reached a channel"
    if not measured:
        yield "no stock change was measured"
    yield from _prices(world)


def _wrong(world: World, placed: Placed, row: Mapping[str, Any]) -> Iterable[str]:
    shop, id = placed.shop, placed.id
    if row["email"] != placed.email:
        yield f"bought by {placed.email}, sold to {row['email']} in the ERP"
    if (shop, id) in world.cancelled:
        if row["state"] != "cancelled":
            yield f"cancelled at the shop, {row['state']} in the ERP"
        return
    if row["state"] not in ("confirmed", "shipped", "done"):
        yield f"{row['state']} in the ERP"
    if (row["paid"] >= row["total"]) != ((shop, id) in world.paid):
        yield f"paid {row['paid']} of {row['total']} in the ERP"
    told = {f["tracking_number"] for f in world.shops[shop].fulfilments(id)}
    if {tracking for _, tracking in row["shipments"]} != told:
        yield f"shipped as {row['shipments']}, the shop knows {sorted(told)}"


def _prices(world: World) -> Iterable[str]:
    for name, shop in world.shops.items():
        percent = world.config.connections[name].price.percent
        for sku in world.skus:
            kept = world.erp.books.prices[sku, PUBLIC][Decimal(1)].amount
            wanted = (kept * (1 + percent / 100)).quantize(CENT, ROUND_HALF_UP)
            if (asked := _asked(shop.price, sku)) != wanted:
                yield f"{name} asks {asked} for {sku} instead of {wanted}"


def _asked(verb: Callable[[str], Any], sku: str) -> Any:
    """What a shop shows of a SKU; None where it does not list it, or not yet with a price."""
    try:
        return verb(sku)
    except (KeyError, InvalidOperation):
        return None


def _percentile(times: list[float], percent: int) -> int:
    return round(times[min(len(times) - 1, len(times) * percent // 100)]) if times else 0
