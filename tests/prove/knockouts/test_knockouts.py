"""Every rule is missed when it is taken out."""

from tests.prove.knockouts import run
from tests.prove.knockouts.page import PAGE, current
from tests.prove.parts import Effort


def test_every_rule_that_is_taken_out_turns_its_test_red() -> None:
    result = run(Effort(short=True, say=lambda line: None))

    assert not result.violations
    assert result.figures["turned their test red"] == "18 of 18"


def test_the_page_of_the_proof_has_the_rules_as_they_are() -> None:
    """`python -m tests.prove.knockouts.page` writes them."""
    assert PAGE.read_text(encoding="utf-8") == current()
