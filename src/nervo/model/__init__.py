"""The canonical model: what the trade means, in frozen dataclasses of the standard library. No I/O."""
