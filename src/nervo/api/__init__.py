"""The ways in for machines: webhooks."""
