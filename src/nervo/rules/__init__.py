"""Mapping and business rules: the company's own, kept as data."""
