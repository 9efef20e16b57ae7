"""The protocols of the product, checked in every order in which things can happen."""
