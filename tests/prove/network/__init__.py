"""Network faults on real sockets: a fault proxy on every edge of the running hub."""
