"""What nervo asks of a foreign system. Capabilities are data; a method that a capability denies raises Unsupported uncalled."""
