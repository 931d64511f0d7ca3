"""The stand-ins, over real HTTP on loopback."""
