"""The architecture on one machine: stand-ins, on loopback alone, for what only AWS has."""
