"""place_order: an accepted order becomes a confirmed sale in the ERP, exactly once, equal to the cent."""

from decimal import Decimal

from nervo.errors import OutcomeUnknown, Rejected
from nervo.model.orders import OrderStatus
from nervo.model.payments import Payment, PaymentStatus
from nervo.ports.erp import ErpOrder, OrderDraft, OrderKey
from nervo.store import holds, journal, orders, refresh
from nervo.store.database import Tx
from nervo.store.orders import Kept
from nervo.sync.context import Hub
from nervo.sync.remote import order_in_hand


class PlaceOrder:
    """The steps, each of which looks at the order's milestones before it acts."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    async def __call__(self, order_id: int) -> None:
        order_in_hand.set(order_id)
        kept = await self._kept(order_id)
        if kept is None or kept.state not in ("received", "in_erp"):
            return
        if kept.cancel_wanted and not kept.erp_id:
            return
        kept = await self._customer(kept)
        written = await self._write(kept)
        if not await self._totals_agree(kept, written):
            return
        await self._confirm(kept, written)
        await record_payments(self.hub, kept.id)

    async def _kept(self, order_id: int) -> Kept | None:
        return await self.hub.db.read(lambda tx: orders.get(tx, order_id))

    async def _customer(self, kept: Kept) -> Kept:
        if kept.erp_customer or kept.erp_id:
            return kept
        erp, order = self.hub.erp(), kept.order
        customer = await erp.call("find_customer", order.customer)
        if customer is None:
            customer = await self._create_customer(kept)
        await self.hub.db.write(lambda tx: orders.set_fields(tx, kept.id, erp_customer=customer))
        return await self._again(kept)

    async def _create_customer(self, kept: Kept) -> str:
        order = kept.order
        who = order.customer.external_id or order.customer.email.lower() or kept.erp_key
        try:
            created: str = await self.hub.erp().call(
                "create_customer", order.customer, order, f"{kept.connection}-{who}"
            )
        except OutcomeUnknown:
            await self._wait_out()
            found = await self.hub.erp().call("find_customer", order.customer)
            if found is None:
                raise
            return str(found)
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
        already: ErpOrder | None = await erp.call("find_order", kept.erp_key)
        draft = OrderDraft(
            kept.erp_key, kept.order, kept.erp_customer, self.hub.config.connections[kept.connection].orders.warehouse
        )
        try:
            written: ErpOrder = already or await erp.call("create_order", draft, attempts=1)
        except OutcomeUnknown:
            await self.hub.db.write(lambda tx: journal.event(tx, kept.id, "erp_write_unknown", self.hub.now_ms()))
            if erp.port.capabilities.order_key is not OrderKey.UNIQUE:
                await self._wait_out()
            raise

        def note(tx: Tx) -> None:
            orders.written(tx, kept.id, written, self.hub.now_ms())
            journal.event(
                tx,
                kept.id,
                "erp_order_found" if already else "erp_order_written",
                self.hub.now_ms(),
                number=written.number,
            )

        await self.hub.db.write(note)
        return written

    async def _totals_agree(self, kept: Kept, written: ErpOrder) -> bool:
        order = kept.order
        if (written.total_gross, written.currency) == (order.total_gross, order.currency) or kept.approved:
            return True

        def hold(tx: Tx) -> None:
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

        def note(tx: Tx) -> None:
            now = self.hub.now_ms()
            orders.set_fields(
                tx,
                kept.id,
                state="in_erp",
                confirmed_ms=now,
                erp_state=confirmed.raw_state,
                erp_number=confirmed.number,
            )
            holds.confirmed(tx, kept.id)
            skus = {line.sku for line in kept.order.lines if line.sku}
            refresh.want(tx, self.hub.config.erp, "stock", skus, "hub", now)
            journal.close(tx, kept.connection, "order", kept.external_id, "nervo")
            journal.event(tx, kept.id, "erp_order_confirmed", now, number=confirmed.number)

        await self.hub.db.write(note)
        self.hub.ring("stock")

    async def _wait_out(self) -> None:
        await self.hub.clock.sleep(self.hub.erp().port.capabilities.late_application_s)

    async def _again(self, kept: Kept) -> Kept:
        found = await self._kept(kept.id)
        assert found
        return found


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
    if total <= Decimal(kept.paid) or order.status is OrderStatus.CANCELLED:
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
