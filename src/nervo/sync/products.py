"""Products to a channel: found by SKU first, created where they are missing, linked either way."""

import hashlib
from functools import partial

from nervo.errors import TRIED_AGAIN, Misunderstood, NervoError, OutcomeUnknown
from nervo.model.catalog import Product
from nervo.model.links import Link
from nervo.ports.shop import Listing
from nervo.rules.config import ConnectionConfig
from nervo.rules.ownership import owned
from nervo.store import facts, journal, links, publications
from nervo.store.codec import text
from nervo.store.database import Tx
from nervo.store.publications import Claim
from nervo.sync import lease
from nervo.sync.context import Hub
from nervo.sync.publish import claimed

IN_DOUBT = ("unknown", "failed")  # it may have been taken in part: the product as it was is no longer what is shown


class ProductPublisher:
    """Publishes products to one channel, one at a time."""

    def __init__(self, hub: Hub, channel: ConnectionConfig) -> None:
        self.hub, self.channel = hub, channel
        self.remote = hub.remotes[channel.name]

    async def drain(self) -> int:
        """Publishes some products; how many were looked at."""
        if not self.hub.may_send(self.channel.name) or not self.remote.writable:
            return 0
        name = self.channel.name
        claims = await self.hub.db.write(lambda tx: claimed(self.hub, tx, name, "product", 50), durable=False)
        for claim in claims:
            await self._publish(claim)
        return len(claims)

    async def _publish(self, claim: Claim) -> None:
        product = await self.hub.db.read(lambda tx: facts.product(tx, claim.key))
        digest = _digest(product, self.channel) if product else ""
        if product is None or (digest == claim.published and claim.state not in IN_DOUBT):
            await self.hub.db.write(lambda tx: publications.unchanged(tx, self.channel.name, "product", [claim]))
            return
        if claim.state == "failed" and digest == claim.refused:
            await self.hub.db.write(lambda tx: publications.still_refused(tx, self.channel.name, "product", [claim]))
            return
        await self.hub.db.write(lambda tx: self._sending(tx, claim))
        try:
            listings = await self._put(product, claim, digest)
        except NervoError as error:
            await self.hub.db.write(partial(self._failed, claim=claim, digest=digest, error=error))
            return
        await self.hub.db.write(lambda tx: self._done(tx, claim, digest, listings))

    def _sending(self, tx: Tx, claim: Claim) -> None:
        """A successor waits out what may be on its way, and only then looks whether it is there."""
        lease.still_ours(self.hub, tx)
        publications.sending(tx, self.channel.name, "product", [claim.key], self.hub.epoch)

    async def _put(self, product: Product, claim: Claim, digest: str) -> tuple[Listing, ...]:
        """Looks up by SKU before every creation, so that a lost reply never makes a second product."""
        skus = [v.sku for v in product.variants]
        found: tuple[Listing, ...] = await self.remote.call("find_listings", skus)
        known = {listing.sku: listing.remote for listing in found}
        key = hashlib.sha256(f"{self.channel.name}/product/{product.code}/{digest}".encode()).hexdigest()[:40]
        fields = frozenset(self.channel.product_fields)
        result: tuple[Listing, ...] = await self.remote.call("put_product", product, known, key, fields)
        return result

    def _done(self, tx: Tx, claim: Claim, digest: str, listings: tuple[Listing, ...]) -> None:
        lease.still_ours(self.hub, tx)
        name, skus = self.channel.name, [listing.sku for listing in listings]
        links.put(tx, name, [(Link(listing.sku, dict(listing.remote)), listing.title) for listing in listings])
        publications.published(tx, name, "product", [(claim, digest)], self.hub.now_ms())
        if claim.state == "failed" or claim.attempts:
            journal.close(tx, name, "product", claim.key, "nervo")
        for kind in ("stock", "price"):
            publications.wake(tx, name, kind, skus, ["unlinked"])
            self.hub.ring(f"publish:{name}:{kind}")

    def _failed(self, tx: Tx, claim: Claim, digest: str, error: NervoError) -> None:
        lease.still_ours(self.hub, tx)
        name, now = self.channel.name, self.hub.now_ms()
        if not isinstance(error, TRIED_AGAIN):
            publications.refuse(tx, name, "product", [(claim, digest)], "failed", str(error))
            journal.problem_of(tx, error, name, "product", claim.key, now)
            return
        if isinstance(error, Misunderstood):
            journal.problem_of(tx, error, name, "product", claim.key, now)
        unsure = isinstance(error, OutcomeUnknown | Misunderstood)
        wait_ms = self.hub.late_ms(name) if unsure else 1000 * 2 ** min(6, claim.attempts)
        state = "unknown" if unsure or claim.state in IN_DOUBT else "new"
        publications.set_state(
            tx, name, "product", [claim.key], state, error=str(error), not_before_ms=self.hub.due_ms() + wait_ms
        )


def _digest(product: Product, channel: ConnectionConfig) -> str:
    """Of what this channel is given: a change of what it owns itself is no reason to write."""
    return hashlib.sha256(text(owned(product, channel.product_fields)).encode()).hexdigest()[:32]


async def link_existing(hub: Hub, channel: ConnectionConfig) -> int:
    """Links what the channel already lists by SKU; how many listings it has. Two listings with one SKU ask a person."""
    mark, seen, twice = None, set(), set()
    for _ in range(100_000):
        listings, mark = await hub.remotes[channel.name].call("listings", mark)
        usable = [listing for listing in listings if listing.sku and listing.sku not in seen]
        twice |= {listing.sku for listing in listings if listing.sku in seen}
        seen |= {listing.sku for listing in usable}
        pairs = [(Link(listing.sku, dict(listing.remote)), listing.title) for listing in usable]
        await hub.db.write(partial(links.put, connection=channel.name, links=pairs))
        if mark is None:
            break

    def note(tx: Tx) -> None:
        for sku in twice:
            journal.problem(
                tx,
                "duplicate_listing",
                channel.name,
                "product",
                sku,
                hub.now_ms(),
                fix="Give each listing its own SKU.",
            )
        for kind in ("stock", "price"):
            publications.wake(tx, channel.name, kind, seen, ["unlinked"])

    await hub.db.write(note)
    return len(seen)
