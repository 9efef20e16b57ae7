"""place_order: an accepted order becomes a confirmed sale in the ERP, exactly once, equal to the cent."""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import TypeVar
from weakref import WeakValueDictionary

from nervo.errors import Misunderstood, NervoError, OutcomeUnknown, Rejected
from nervo.flows.cancel_order import cancelled_there
from nervo.flows.pending import waited_out
from nervo.flows.writing import look_up
from nervo.model.orders import OrderStatus
from nervo.model.payments import Payment, PaymentStatus
from nervo.ports.erp import ErpOrder, ErpOrderState, OrderDraft
from nervo.store import holds, journal, orders, refresh
from nervo.store.database import Tx
from nervo.store.orders import Kept
from nervo.sync import holding, lease
from nervo.sync.context import Hub
from nervo.sync.remote import order_in_hand

T = TypeVar("T")


class PlaceOrder:
    """The steps, each of which looks at the order's milestones before it acts."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._customers: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, order_id: int) -> None:
        order_in_hand.set(order_id)
        kept = await self._kept(order_id)
        if kept is None or kept.state not in ("received", "in_erp", "shipped"):
            return
        if kept.cancel_wanted and not kept.erp_id:
            return  # cancel_order follows, and waits out what is pending
        kept = await self._customer(kept)
        written = await self._write(kept)
        if written.state is ErpOrderState.CANCELLED and not kept.confirmed_ms:
            await self.hub.db.write(lambda tx: self._cancelled_there(tx, kept, written))
            return
        if kept.state != "shipped" and not await self._totals_agree(kept, written):
            return
        await self._confirm(kept, written)
        await record_payments(self.hub, kept.id)

    async def _kept(self, order_id: int) -> Kept | None:
        return await self.hub.db.read(lambda tx: orders.get(tx, order_id))

    async def _customer(self, kept: Kept) -> Kept:
        """The ERP's customer: found, or created once, though several orders of a new customer come together, from any channel."""
        if kept.erp_customer or kept.erp_id:
            return kept
        async with AsyncExitStack() as alone:
            for mark in sorted(_marks(kept)):  # in one order everywhere, so that two never wait for each other
                await alone.enter_async_context(self._customers.setdefault(mark, asyncio.Lock()))
            customer = await self._found_or_created(kept)
            await self.hub.db.write(lambda tx: orders.set_fields(tx, kept.id, erp_customer=customer, pending=""))
        return await self._again(kept)

    async def _found_or_created(self, kept: Kept) -> str:
        erp, order = self.hub.erp(), kept.order
        found: str | None = await erp.call("find_customer", order.customer)
        if found is not None:
            return found
        pending = await self.hub.db.read(lambda tx: orders.pending(tx, "customer"))
        sent = [other.id for other in pending if _marks(other) & _marks(kept)]
        for order_id in sent:
            await waited_out(self.hub, order_id)
        if sent:
            found = await erp.call("find_customer", order.customer)
            if found is not None:
                return found
        await self._sending(kept, "customer")
        created: str = await self._outcome(
            kept, erp.call("create_customer", order.customer, order, _customer_key(kept), attempts=1)
        )
        await self.hub.db.write(
            lambda tx: journal.event(tx, kept.id, "customer_created", self.hub.now_ms(), customer=created)
        )
        return created

    async def _write(self, kept: Kept) -> ErpOrder:
        """The order under our key: looked up before it is written again, since an earlier attempt may have landed."""
        erp = self.hub.erp()
        if kept.erp_id:
            found: ErpOrder = await erp.call("read_order", kept.erp_id)
            return found
        already = await look_up(self.hub, kept, writes=True)
        written = already or await self._create(kept)

        def note(tx: Tx) -> None:
            lease.still_ours(self.hub, tx)
            orders.written(tx, kept.id, written, self.hub.now_ms())
            now = orders.get(tx, kept.id)
            if now and holding.bill(now.order) != holding.bill(kept.order):
                holding.tell(tx, now, "order_edited", self.hub.now_ms())
            code = "erp_order_found" if already else "erp_order_written"
            journal.event(tx, kept.id, code, self.hub.now_ms(), number=written.number)

        await self.hub.db.write(note)
        return written

    async def _create(self, kept: Kept) -> ErpOrder:
        warehouse = self.hub.config.connections[kept.connection].orders.warehouse
        draft = OrderDraft(kept.erp_key, kept.order, kept.erp_customer, warehouse)
        await self._sending(kept, "order")
        created: ErpOrder = await self._outcome(kept, self.hub.erp().call("create_order", draft, attempts=1))
        return created

    async def _sending(self, kept: Kept, what: str) -> None:
        """Noted before it leaves, so that whoever comes after knows that it may take effect."""
        await self.hub.db.write(lambda tx: self._pending(tx, kept, what))
        self.hub.sent_at[kept.id] = self.hub.clock.monotonic()

    async def _outcome(self, kept: Kept, call: Awaitable[T]) -> T:
        """The call's result. What certainly had no effect leaves pending only what was pending before; what is unknown stays so."""
        try:
            result = await call
        except (OutcomeUnknown, Misunderstood):
            self.hub.sent_at[kept.id] = self.hub.clock.monotonic()
            await self.hub.db.write(lambda tx: journal.event(tx, kept.id, "erp_write_unknown", self.hub.now_ms()))
            raise
        except NervoError:
            await self.hub.db.write(lambda tx: self._pending(tx, kept, kept.pending))
            raise
        self.hub.sent_at.pop(kept.id, None)
        return result

    def _pending(self, tx: Tx, kept: Kept, what: str) -> None:
        lease.still_ours(self.hub, tx)
        orders.set_fields(tx, kept.id, pending=what)

    def _cancelled_there(self, tx: Tx, kept: Kept, written: ErpOrder) -> None:
        lease.still_ours(self.hub, tx)
        if now := orders.get(tx, kept.id):
            cancelled_there(self.hub, tx, now, written)

    async def _totals_agree(self, kept: Kept, written: ErpOrder) -> bool:
        order = kept.order
        agreed = kept.approved or kept.confirmed_ms  # what changes after the confirmation is told as an edit
        if agreed or (written.total_gross, written.currency) == (order.total_gross, order.currency):
            return True

        def hold(tx: Tx) -> None:
            lease.still_ours(self.hub, tx)
            orders.set_fields(tx, kept.id, state="held")
            journal.problem(
                tx,
                "erp_total_differs",
                kept.connection,
                "order",
                kept.external_id,
                self.hub.now_ms(),
                order_id=kept.id,
                values={
                    "channel": f"{order.total_gross} {order.currency}",
                    "erp": f"{written.total_gross} {written.currency}",
                },
                fix="Compare prices and taxes in the ERP, then approve or correct.",
                money=f"{order.total_gross} {order.currency}",
            )
            journal.event(tx, kept.id, "order_held", self.hub.now_ms(), reason="erp_total_differs")

        await self.hub.db.write(hold)
        return False

    async def _confirm(self, kept: Kept, written: ErpOrder) -> None:
        if kept.confirmed_ms:
            return
        confirmed: ErpOrder = await self.hub.erp().call("confirm_order", written.erp_id)

        def note(tx: Tx) -> list[tuple[str, int]]:
            lease.still_ours(self.hub, tx)
            now = self.hub.now_ms()
            orders.set_fields(
                tx,
                kept.id,
                state="shipped" if kept.state == "shipped" else "in_erp",  # a shipment may have been told of meanwhile
                confirmed_ms=now,
                erp_state=confirmed.raw_state,
                erp_number=confirmed.number,
            )
            holds.confirmed(tx, kept.id)
            skus = {line.sku for line in kept.order.lines if line.sku}
            refresh.want(tx, self.hub.config.erp, "stock", skus, "hub", now)
            journal.close(tx, kept.connection, "order", kept.external_id, "nervo", but="order_edited")
            journal.event(tx, kept.id, "erp_order_confirmed", now, number=confirmed.number)
            if not kept.approved:
                _still_equal(self.hub, tx, kept, confirmed)
            # the ERP may have told of them before the order was known here
            return [self.hub.want(tx, "mark_shipped", kept.id)] if confirmed.shipments else []

        for flow, order_id in await self.hub.db.write(note):
            self.hub.start_flow(flow, order_id)
        self.hub.ring("stock")

    async def _again(self, kept: Kept) -> Kept:
        found = await self._kept(kept.id)
        assert found
        return found


def _still_equal(hub: Hub, tx: Tx, kept: Kept, confirmed: ErpOrder) -> None:
    """Confirming may price anew: what the ERP then has is told, since it cannot be held any more."""
    order = kept.order
    if (confirmed.total_gross, confirmed.currency) == (order.total_gross, order.currency):
        return
    journal.problem(
        tx,
        "erp_changed_total",
        kept.connection,
        "order",
        kept.external_id,
        hub.now_ms(),
        order_id=kept.id,
        said=f"{confirmed.total_gross} {confirmed.currency}",
        fix="Correct the sale in the ERP, then ignore this.",
        money=f"{order.total_gross} {order.currency}",
    )


def _customer_key(kept: Kept) -> str:
    """Our key of a customer: the channel's own id, else the e-mail; a guest without either is one for each order."""
    who = kept.order.customer
    return f"{kept.connection}-{who.external_id or who.email.lower() or kept.erp_key}"


def _marks(kept: Kept) -> set[str]:
    """By what two orders are known to be one customer's, whatever channels they come from."""
    who = kept.order.customer
    found = (who.email, who.fiscal.vat_number, who.fiscal.tax_code)
    return {_customer_key(kept)} | {mark.replace(" ", "").lower() for mark in found if mark.strip()}


async def record_payments(hub: Hub, order_id: int) -> None:
    """update_payment: what the channel has been paid is booked in the ERP, each payment once under its own key."""
    order_in_hand.set(order_id)
    kept = await hub.db.read(lambda tx: orders.get(tx, order_id))
    if kept is None or not kept.confirmed_ms or not hub.erp().port.capabilities.payments:
        return
    order = kept.order
    paid = [p for p in order.payments if p.status is PaymentStatus.PAID]
    if not paid and order.payment_status is PaymentStatus.PAID:
        paid = [Payment("paid", "channel", PaymentStatus.PAID, order.total_gross, order.currency)]
    total = sum((p.amount for p in paid), Decimal(0))
    if order.status is OrderStatus.CANCELLED:
        return
    if total <= Decimal(kept.paid):
        await _still_booked(hub, kept)
        return
    for payment in paid:
        if payment.currency != order.currency:
            raise Rejected(
                "booking a payment",
                code="currency_differs",
                fix="Book this payment by hand in the ERP.",
                payment=payment.external_id,
            )
        await hub.erp().call("record_payment", kept.erp_id, payment, f"{kept.erp_key}-{payment.external_id}")

    def note(tx: Tx) -> None:
        orders.set_fields(tx, order_id, paid=str(total))
        journal.event(tx, order_id, "payment_recorded", hub.now_ms(), amount=str(total), currency=order.currency)

    await hub.db.write(note)


async def _still_booked(hub: Hub, kept: Kept) -> None:
    """What was booked has to be there still: the office may have taken it out, or the ERP lost it."""
    if not Decimal(kept.paid):
        return
    written: ErpOrder = await hub.erp().call("read_order", kept.erp_id)
    await hub.db.write(lambda tx: _reckoned(hub, tx, kept, written))


def unpaid(kept: Kept, written: ErpOrder) -> bool:
    """Whether the ERP has less than was booked there. After a refund it may."""
    return written.paid < Decimal(kept.paid) and not kept.order.refunds and written.state is not ErpOrderState.CANCELLED


def _reckoned(hub: Hub, tx: Tx, kept: Kept, written: ErpOrder) -> None:
    if not unpaid(kept, written):
        paid_there(tx, kept)
        return
    currency = written.currency
    journal.problem(
        tx,
        "unpaid_in_erp",
        kept.connection,
        "order",
        kept.external_id,
        hub.now_ms(),
        order_id=kept.id,
        values={"booked": f"{kept.paid} {currency}", "erp": f"{written.paid} {currency}"},
        fix="Book the payment in the ERP, then retry.",
        money=f"{Decimal(kept.paid) - written.paid} {currency}",
    )


def paid_there(tx: Tx, kept: Kept) -> None:
    """The ERP has all that was booked there."""
    journal.close_code(tx, "unpaid_in_erp", kept.connection, "order", kept.external_id, "nervo")
