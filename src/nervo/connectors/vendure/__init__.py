"""Vendure 3.7 as a shop, over its GraphQL Admin API."""
