"""What the operator fills in for the rehearsal ERP."""

from dataclasses import dataclass

from nervo.kit.secrets import Secret
from nervo.kit.settings import setting


@dataclass(frozen=True, slots=True)
class Settings:
    """One company of a rehearsal ERP."""

    url: str = setting("Address", it="Indirizzo", help="http://127.0.0.1:8069")
    token: Secret = setting("Access token", it="Token di accesso")  # noqa: RUF009
    unique_keys: bool = setting(
        "Refuses a second order under one key", it="Rifiuta un secondo ordine con la stessa chiave", default=True,
        help="Off: the ERP can only search the key, as most ERPs can",
    )  # fmt: skip
    late_application_s: int = setting(
        "Longest time until a lost write takes effect, in seconds",
        it="Tempo massimo di effetto di una scrittura senza risposta, in secondi", default=30,
    )  # fmt: skip
    page: int = setting("Rows per page", it="Righe per pagina", default=200)
