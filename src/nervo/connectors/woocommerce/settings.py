"""What the operator fills in for WooCommerce."""

from dataclasses import dataclass

from nervo.kit.secrets import Secret
from nervo.kit.settings import setting


@dataclass(frozen=True, slots=True)
class Settings:
    """One WooCommerce shop through one REST API key."""

    url: str = setting(
        "Shop address", it="Indirizzo del negozio",
        help="https://shop.example.com, where WordPress answers; http is taken for this machine only",
    )  # fmt: skip
    consumer_key: Secret = setting(  # noqa: RUF009
        "Consumer key", it="Chiave (consumer key)", help="WooCommerce → Settings → Advanced → REST API, Read/Write"
    )
    consumer_secret: Secret = setting("Consumer secret", it="Segreto (consumer secret)")  # noqa: RUF009
    webhook_secret: Secret = setting(  # noqa: RUF009
        "Webhook secret", it="Segreto dei webhook", default=Secret(""),
        help="Any long random text: nervo gives it to the webhooks that it registers. Empty: no webhooks, only the sweep",
    )  # fmt: skip
