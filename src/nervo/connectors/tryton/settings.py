"""What the operator fills in for Tryton."""

from dataclasses import dataclass

from nervo.kit.secrets import Secret
from nervo.kit.settings import setting


@dataclass(frozen=True, slots=True)
class Settings:
    """A Tryton database, the integration user, and the records that orders name."""

    url: str = setting(
        "Server address", it="Indirizzo del server", help="https://erp.example.com, without the database"
    )
    database: str = setting("Database", it="Database")
    user: str = setting("User", it="Utente")
    password: Secret = setting("Password", it="Password")  # noqa: RUF009
    web_shop: str = setting(
        "Web shop", it="Negozio web", help="Name of the web.shop record; orders are unique within it"
    )
    payment_journal: str = setting("Payment journal", it="Registro dei pagamenti", default="Web gateway")
    payment_term: str = setting(
        "Payment term", it="Termine di pagamento", default="", help="Name; empty: Tryton's default"
    )
    shipping_product: str = setting(
        "Shipping product", it="Prodotto spedizione", default="SPED", help="Its code; shipping lines name it"
    )
    price_lists: str = setting("Price lists", it="Listini", default="", help="Names, separated by commas; empty: all")
    warehouses: str = setting("Warehouses", it="Magazzini", default="", help="Codes, separated by commas; empty: all")
    overlap_s: int = setting(
        "Overlap of change feeds in seconds", it="Sovrapposizione delle letture in secondi", default=300,
        help="Longer than the longest transaction in Tryton: its rows become visible late",
    )  # fmt: skip
    doorbell: bool = setting(
        "Doorbell", it="Campanello", default=False,
        help="Tryton tells of changes at once; needs PostgreSQL, its bus and the trigger in quirks.md",
    )  # fmt: skip

    def names(self, field: str) -> frozenset[str]:
        """A comma-separated field as a set."""
        return frozenset(name.strip() for name in getattr(self, field).split(",") if name.strip())
