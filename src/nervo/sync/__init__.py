"""The engine for state: what differs, who wins, what goes out."""
