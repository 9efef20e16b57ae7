"""Shopify as a shop, over its GraphQL Admin API 2026-07."""
