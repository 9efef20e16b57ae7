"""Tryton 8.2 as the ERP, over its JSON-RPC."""
