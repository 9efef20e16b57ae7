"""What the operator fills in for Vendure."""

from dataclasses import dataclass

from nervo.kit.secrets import Secret
from nervo.kit.settings import setting


@dataclass(frozen=True, slots=True)
class Settings:
    """One channel of a Vendure server, as one administrator."""

    url: str = setting("Server address", it="Indirizzo del server", help="https://shop.example.com, without /admin-api")
    user: str = setting("Administrator", it="Amministratore")
    password: Secret = setting("Password", it="Password")  # noqa: RUF009
    channel: str = setting("Channel token", it="Token del canale", default="", help="Empty: the default channel")
    admin_path: str = setting("Admin API path", it="Percorso dell'Admin API", default="admin-api")
    webhook_secret: Secret = setting(  # noqa: RUF009
        "Doorbell secret", it="Segreto del campanello", default=Secret(""),
        help="Of the plug-in that posts signed order events; Vendure itself sends none",
    )  # fmt: skip
    fulfilment_handler: str = setting("Fulfilment handler", it="Gestore delle evasioni", default="manual-fulfillment")
