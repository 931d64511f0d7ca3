"""The decisions, without clock or I/O."""
