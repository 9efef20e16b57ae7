"""The proof: nervo run under every fault that real platforms show, and counted. `./dev prove` runs it all."""
