"""Rows of the ERP's catalogue that nobody understands: each is a problem until it comes again and reads well."""

from nervo.model.catalog import Product
from nervo.model.prices import Price
from nervo.model.promotions import Promotion
from nervo.ports.common import Page
from nervo.store import journal, operations
from nervo.store.database import Tx
from nervo.sync.context import Hub

CODE = "unreadable_row"
SUBJECTS = {"products": "product_row", "prices": "price_row", "promotions": "promotion_row"}  # no kinds of publication


def told(hub: Hub, tx: Tx, entity: str, page: Page[Product] | Page[Price] | Page[Promotion]) -> None:
    """The page's unreadable rows are problems, and those of its rows that were are none any more."""
    erp, subject = hub.config.erp, SUBJECTS[entity]
    if was := journal.open_keys(tx, CODE, subject):
        for key in was.intersection(map(_name, page.items)) - set(page.unreadable):
            journal.close_code(tx, CODE, erp, subject, key, "nervo")
    for key in page.unreadable:
        journal.problem(tx, CODE, erp, subject, key, hub.now_ms(), values={"key": key},
                        fix="Look at it in the ERP and save it there again; this closes as soon as it can be read.")  # fmt: skip


def read_again(hub: Hub, tx: Tx, subject: str) -> None:
    """The whole list that the row stands in: nothing else brings it again before it changes in the ERP."""
    entity = next(entity for entity, known in SUBJECTS.items() if known == subject)
    operations.forget_cursor(tx, hub.config.erp, entity)


def _name(item: Product | Price | Promotion) -> str:
    return f"{item.sku}@{item.price_list}" if isinstance(item, Price) else item.code
