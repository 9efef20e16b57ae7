"""nervo: an integration hub between ERPs and e-commerce."""
