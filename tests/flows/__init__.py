"""Whole flows: the real gateway on a real database, real adapters over real HTTP to the stand-ins."""
