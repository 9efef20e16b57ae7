"""Rehearsal: pretend worlds with their own books."""
