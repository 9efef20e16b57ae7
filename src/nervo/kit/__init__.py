"""For connector authors: HTTP, pace, signatures, settings, secrets, recordings, the simulator base, clock and ids."""
