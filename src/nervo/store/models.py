"""The tables. Times are milliseconds since 1970 UTC (`_ms`), amounts and quantities decimal text, documents JSON text.

The panel reads them through these classes; every write goes through the query modules beside this file.
"""

from django.db import models

Text = models.TextField
Millis = models.BigIntegerField


class Inbox(models.Model):
    """A webhook as it came. Durable before it is acknowledged; unique by the source's event key and by its body."""

    connection = Text()
    topic = Text()
    event_key = Text(default="")
    body_sha256 = Text()
    headers = Text()
    body = models.BinaryField()
    received_ms = Millis()
    state = Text(default="new")  # new · done · failed
    error = Text(default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "event_key"], condition=~models.Q(event_key=""), name="inbox_event"
            ),
            models.UniqueConstraint(fields=["connection", "topic", "body_sha256"], name="inbox_body"),
        ]
        indexes = [models.Index(fields=["id"], condition=models.Q(state="new"), name="inbox_new")]


class Refresh(models.Model):
    """A key to be read again at its source: an order a webhook hinted at, a SKU whose stock moved. Latest hint wins."""

    pk = models.CompositePrimaryKey("connection", "entity", "key")
    connection = Text()
    entity = Text()  # order · stock
    key = Text()
    tick = models.BigIntegerField()
    found_by = Text(default="")  # webhook · sweep · hub
    since_ms = Millis()
    not_before_ms = Millis(default=0)
    attempts = models.IntegerField(default=0)
    error = Text(default="")


class StockFact(models.Model):
    """The ERP's latest figure of a SKU at a warehouse. `version` is the tick at which the read that produced it started, `kept_tick`
    when it was kept."""

    pk = models.CompositePrimaryKey("sku", "warehouse")
    sku = Text()
    warehouse = Text()
    quantity = Text()
    on_hand = Text(default="")
    version = models.BigIntegerField()
    kept_tick = models.BigIntegerField(default=0, db_default=0)
    at_ms = Millis()


class PriceFact(models.Model):
    """The ERP's latest price of a SKU in a list from a quantity up."""

    pk = models.CompositePrimaryKey("sku", "price_list", "min_quantity")
    sku = Text()
    price_list = Text()
    min_quantity = Text()
    doc = Text()
    version = models.BigIntegerField()


class ProductFact(models.Model):
    """The ERP's latest description of a product."""

    code = Text(primary_key=True)
    name = Text()
    doc = Text()
    version = models.BigIntegerField()


class VariantFact(models.Model):
    """Which product a SKU belongs to."""

    sku = Text(primary_key=True)
    product = Text(db_index=True)
    gtin = Text(default="")


class PromotionFact(models.Model):
    """The ERP's latest word on a promotion."""

    code = Text(primary_key=True)
    doc = Text()
    version = models.BigIntegerField()


class Hold(models.Model):
    """What an order takes from stock until a figure contains it: one that was read after `confirmed_tick`. Append-only but
    for the two ticks."""

    order_id = models.BigIntegerField(db_index=True)
    sku = Text()
    warehouse = Text()
    quantity = Text()
    placed_tick = models.BigIntegerField()
    confirmed_tick = models.BigIntegerField(null=True)
    released_tick = models.BigIntegerField(null=True)
    reason = Text(default="")

    class Meta:
        indexes = [models.Index(fields=["sku"], condition=models.Q(released_tick=None), name="hold_open")]


class Publication(models.Model):
    """What a channel should show of a key, and what we know it shows. A queue of keys, never of values."""

    pk = models.CompositePrimaryKey("channel", "kind", "key")
    channel = Text()
    kind = Text()  # product · price · stock
    key = Text()
    dirty_tick = models.BigIntegerField(default=0)
    dirty_ms = Millis(default=0)
    priority = models.SmallIntegerField(default=5)
    not_before_ms = Millis(default=0)
    state = Text(default="new")  # new · ok · unlinked · unknown · failed · held
    inflight_epoch = models.BigIntegerField(default=0)
    published = Text(default="")
    published_ms = Millis(default=0)
    latency_ms = models.IntegerField(default=0)
    attempts = models.IntegerField(default=0)
    error = Text(default="")
    refused = Text(default="", db_default="")  # the value that was held or refused; another one is tried again
    refused_tick = models.BigIntegerField(default=0, db_default=0)
    approved = Text(default="", db_default="")  # the value that a person has accepted

    class Meta:
        indexes = [
            models.Index(
                fields=["channel", "kind", "priority", "dirty_tick"],
                condition=models.Q(dirty_tick__gt=0),
                name="publication_dirty",
            )
        ]


class Buffer(models.Model):
    """What a channel keeps back of a SKU, since it is told late of what others sell. Reckoned anew now and then."""

    pk = models.CompositePrimaryKey("channel", "sku")
    channel = Text()
    sku = Text()
    units = models.IntegerField()


class Link(models.Model):
    """A SKU's ids in a channel."""

    pk = models.CompositePrimaryKey("connection", "sku")
    connection = Text()
    sku = Text()
    remote = Text()
    title = Text(default="")


class SaleOrder(models.Model):
    """An order with its milestones: what is done is never done again."""

    connection = Text()
    external_id = Text()
    number = Text()
    version = Text()
    placed_ms = Millis()
    updated_ms = Millis()
    received_ms = Millis()
    status = Text()
    payment_status = Text()
    currency = Text()
    total = Text()
    customer_name = Text(default="")
    doc = Text()
    state = Text(default="received")  # received · held · in_erp · shipped · cancelled · ignored
    erp_key = Text(unique=True)
    erp_customer = Text(default="")
    erp_id = Text(default="", db_index=True)
    erp_number = Text(default="")
    erp_state = Text(default="")
    created_ms = Millis(default=0)
    confirmed_ms = Millis(default=0)
    paid = Text(default="0")
    shipped_ms = Millis(default=0)
    cancelled_ms = Millis(default=0)
    cancel_wanted = models.BooleanField(default=False)
    fulfilments = Text(default="[]")
    found_by = Text(default="")
    approved = models.BooleanField(default=False)
    corrections = Text(default="{}", db_default="{}")  # a person's changes, put on every reading of the channel's order
    pending = Text(
        default="", db_default=""
    )  # customer · order: sent to the ERP; shipment: told to the channel; outcome not known yet

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "external_id"], name="order_once")]
        indexes = [
            models.Index(fields=["state", "-placed_ms"], name="order_state"),
            models.Index(fields=["number"], name="order_number"),
            models.Index(fields=["erp_number"], name="order_erp_number"),
        ]


class FlowDue(models.Model):
    """A flow that an order needs: written with what makes it needed, gone when it has run. `tick` tells one need from the next."""

    pk = models.CompositePrimaryKey("order_id", "flow")
    order_id = models.BigIntegerField()
    flow = Text()
    connection = Text(default="", db_default="")  # the order's
    tick = models.BigIntegerField()
    since_ms = Millis()
    attempts = models.IntegerField(default=0)
    error = Text(default="")

    class Meta:
        indexes = [models.Index(fields=["connection", "flow", "since_ms", "tick"], name="flow_due")]


class Event(models.Model):
    """One hop on an order's timeline, as code and values."""

    order_id = models.BigIntegerField(db_index=True)
    at_ms = Millis()
    code = Text()
    values = Text(default="{}")
    actor = Text(default="nervo")


class Exchange(models.Model):
    """A request to a foreign system and its answer, secrets masked."""

    connection = Text()
    order_id = models.BigIntegerField(default=0, db_index=True)
    operation = Text()
    at_ms = Millis()
    method = Text()
    url = Text()
    request_headers = Text()
    request_body = Text()
    status = models.IntegerField()
    response_headers = Text()
    response_body = Text()
    elapsed_ms = models.FloatField()
    error = Text(default="")


class Problem(models.Model):
    """Something that cannot go on by itself: reason, values, fix. One open row per reason and subject."""

    code = Text()
    connection = Text()
    subject = Text()  # order · stock · price · product · connection · webhook
    key = Text()
    order_id = models.BigIntegerField(default=0, db_index=True)
    values = Text(default="{}")
    said = Text(default="")
    fix = Text(default="")
    owner = Text(default="operator")
    money = Text(default="")
    state = Text(default="open")  # open · resolved · ignored
    first_ms = Millis()
    last_ms = Millis()
    count = models.IntegerField(default=1)
    closed_by = Text(default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["code", "connection", "subject", "key"], condition=models.Q(state="open"), name="problem_open"
            )
        ]


class Command(models.Model):
    """What a person asked for; a worker acts and writes the result."""

    kind = Text()
    args = Text(default="{}")
    actor = Text()
    created_ms = Millis()
    state = Text(default="new", db_index=True)  # new · done · failed
    result = Text(default="")
    ended_ms = Millis(default=0, db_default=0)


class SourceCursor(models.Model):
    """How far a source has been read."""

    pk = models.CompositePrimaryKey("connection", "entity")
    connection = Text()
    entity = Text()
    at = Text()
    ident = Text(default="")
    updated_ms = Millis()


class ConnectionState(models.Model):
    """How a connection is doing."""

    connection = Text(primary_key=True)
    state = Text(default="new")  # new · ok · unavailable · auth_failed · paused
    last_ok_ms = Millis(default=0)
    last_error_ms = Millis(default=0)
    error = Text(default="")
    identity = Text(default="{}")
    paused = models.BooleanField(default=False)


class Lease(models.Model):
    """Who may act, with an epoch that grows at every change of hands."""

    name = Text(primary_key=True)
    owner = Text()
    epoch = models.BigIntegerField()
    expires_ms = Millis()


class Heartbeat(models.Model):
    """When a loop of a hub process last turned. The loop named "hub" is the process itself: active or standby."""

    pk = models.CompositePrimaryKey("owner", "loop")
    owner = Text()
    loop = Text()
    state = Text(default="ok")  # ok · failing · late · dead; of "hub": active · standby
    turned_ms = Millis()
    error = Text(default="")


class Counter(models.Model):
    """Monotonic counters; "tick" orders reads and writes."""

    name = Text(primary_key=True)
    value = models.BigIntegerField()


class ConfigVersion(models.Model):
    """One version of the company's configuration, as TOML."""

    created_ms = Millis()
    author = Text()
    note = Text(default="")
    doc = Text()


class StoredSecret(models.Model):
    """A secret, encrypted."""

    pk = models.CompositePrimaryKey("connection", "name")
    connection = Text()
    name = Text()
    ciphertext = Text()


class Drift(models.Model):
    """A channel that showed something else than we had published, found by the sweep."""

    channel = Text()
    kind = Text()
    key = Text()
    expected = Text()
    found = Text()
    at_ms = Millis()
