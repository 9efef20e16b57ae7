"""People who buy: Italian names and addresses, codici fiscali and partite IVA whose check digits are right."""

from dataclasses import dataclass
from random import Random

from stdnum import luhn
from stdnum.it import codicefiscale

from nervo.model.parties import Address, FiscalData

MONTHS = "ABCDEHLMPRST"
VOWELS = "AEIOU"
FIRST = (
    ("Anna", "F"), ("Giulia", "F"), ("Francesca", "F"), ("Chiara", "F"), ("Elena", "F"), ("Maria", "F"), ("Sara", "F"), ("Niccolò", "M"),
    ("Marco", "M"), ("Luca", "M"), ("Andrea", "M"), ("Matteo", "M"), ("Davide", "M"), ("Paolo", "M"), ("Giosuè", "M"), ("Zoë", "F"),
)  # fmt: skip
LAST = (
    "Rossi", "Bianchi", "Ferrari", "Esposito", "Romano", "Colombo", "Ricci", "Marino", "Greco", "Conti", "De Luca", "D'Angelo", "Costa",
    "Giordano", "Lombardi", "Moretti", "Barbieri", "Fontana", "Santoro", "Nardò",
)  # fmt: skip
# City, province, CAP, the city's code in a codice fiscale (codice catastale), telephone prefix.
CITIES = (
    ("Milano", "MI", "20121", "F205", "02"), ("Roma", "RM", "00184", "H501", "06"), ("Torino", "TO", "10121", "L219", "011"),
    ("Napoli", "NA", "80133", "F839", "081"), ("Bologna", "BO", "40121", "A944", "051"), ("Firenze", "FI", "50122", "D612", "055"),
    ("Bari", "BA", "70121", "A662", "080"), ("Palermo", "PA", "90133", "G273", "091"), ("Verona", "VR", "37121", "L781", "045"),
    ("Forlì", "FC", "47121", "D704", "0543"),
)  # fmt: skip
STREETS = (
    "Via Garibaldi",
    "Via Roma",
    "Corso Italia",
    "Via Dante",
    "Piazza Cavour",
    "Via dell'Università",
    "Viale Mazzini",
)
COMPANIES = ("Ferramenta {} S.r.l.", "Studio {} S.n.c.", "Trattoria {} S.a.s.", "{} & Figli S.p.A.")


@dataclass(frozen=True, slots=True)
class Customer:
    """Who orders, where it goes, and what the invoice needs. `company` is empty for a private customer."""

    name: str
    email: str
    address: Address
    fiscal: FiscalData | None
    company: str = ""


def customers(chance: Random, count: int) -> tuple[Customer, ...]:
    """So many different people; a quarter buys with partita IVA, another quarter gives a codice fiscale."""
    return tuple(_customer(chance, number) for number in range(count))


def _customer(chance: Random, number: int) -> Customer:
    (first, sex), last = chance.choice(FIRST), chance.choice(LAST)
    city, province, postal_code, place, prefix = chance.choice(CITIES)
    company = chance.choice(COMPANIES).format(last) if number % 4 == 0 else ""
    mailbox = f"{_ascii(first)}.{_ascii(last)}{number}".lower()
    address = Address(
        f"{first} {last}", company, f"{chance.choice(STREETS)} {chance.randint(1, 120)}", "", postal_code, city, province, "IT",
        f"+39{prefix}{chance.randint(1_000_000, 9_999_999)}", f"{mailbox}@example.com",
    )  # fmt: skip
    if company:
        fiscal: FiscalData | None = FiscalData(
            vat_number=f"IT{_vat_number(chance, number)}", sdi_code="M5UXCR1", wants_invoice=True
        )
    else:
        fiscal = FiscalData(tax_code=_tax_code(chance, first, sex, last, place)) if number % 4 == 1 else None
    return Customer(f"{first} {last}", address.email, address, fiscal, company)


def _vat_number(chance: Random, number: int) -> str:
    body = f"{chance.randint(100, 999)}{number:04}015"
    return body + luhn.calc_check_digit(body)


def _tax_code(chance: Random, first: str, sex: str, last: str, place: str) -> str:
    day = chance.randint(1, 28) + (40 if sex == "F" else 0)
    body = f"{_three(last)}{_three(first, name=True)}{chance.randint(50, 99)}{chance.choice(MONTHS)}{day:02}{place}"
    return body + codicefiscale.calc_check_digit(body)


def _three(word: str, *, name: bool = False) -> str:
    """Three letters of a name: consonants, then vowels, then X; of four consonants in a first name the second is left out."""
    letters = _ascii(word).upper()
    consonants = [c for c in letters if c not in VOWELS]
    if name and len(consonants) > 3:
        del consonants[1]
    return ("".join(consonants) + "".join(c for c in letters if c in VOWELS) + "XXX")[:3]


def _ascii(word: str) -> str:
    plain = word.translate(str.maketrans("àèéìòùë", "aeeioue"))
    return "".join(c for c in plain if c.isalpha())
