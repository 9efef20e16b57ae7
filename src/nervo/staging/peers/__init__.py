"""Real programs to rehearse against, each in its own process: Tryton 8.2 (PyPI) and Vendure 3.7 (npm). Both are GPL-3: peers on
loopback, never dependencies."""
