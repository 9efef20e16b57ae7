"""What the operator fills in for a Shopify shop."""

from dataclasses import dataclass

from nervo.kit.secrets import Secret
from nervo.kit.settings import setting

API_VERSION = "2026-07"


@dataclass(frozen=True, slots=True)
class Settings:
    """One shop and one app. Either client id and secret (apps of the Dev Dashboard), or the fixed token of an older custom app."""

    shop: str = setting("Shop domain", it="Dominio del negozio", help="my-shop.myshopify.com")
    client_id: str = setting("Client ID", it="ID client", help="Dev Dashboard, Settings of the app.", default="")
    client_secret: Secret = setting(  # noqa: RUF009
        "Client secret", it="Segreto del client", help="Also signs the webhooks.", default=Secret("")
    )
    old_client_secret: Secret = setting(  # noqa: RUF009
        "Previous client secret",
        it="Segreto precedente",
        help="While it is being rotated: Shopify signs with the old one for up to an hour.",
        default=Secret(""),
    )
    token: Secret = setting(  # noqa: RUF009
        "Admin API access token",
        it="Token di accesso Admin API",
        help="Only for a custom app made before 2026; starts with shpat_.",
        default=Secret(""),
    )
    location: str = setting(
        "Location",
        it="Sede",
        help="Id of the location whose stock is kept; empty: the shop's primary one.",
        default="",
    )
    notify_customer: bool = setting(
        "Shopify writes to the customer on shipping", it="Shopify avvisa il cliente alla spedizione", default=True
    )
    watch_stock: bool = setting(
        "Hear of stock changes",
        it="Ascolta le variazioni di giacenza",
        help="A webhook for every change, our own included. Off: the sweep finds hand edits.",
        default=True,
    )
    url: str = setting("Address for rehearsals", it="Indirizzo per le prove", help="http://127.0.0.1:…", default="")

    def base_url(self) -> str:
        """Where the Admin API answers."""
        return self.url or f"https://{self.domain()}"

    def domain(self) -> str:
        """The myshopify.com domain without scheme and slash, in lower case."""
        return self.shop.lower().removeprefix("https://").rstrip("/")
