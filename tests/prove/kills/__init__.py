"""Real kills of real processes: what is acknowledged is kept, and every effect happens once."""
