"""The decisions. Pure: no clock, no I/O, no third-party code but `regex` and zone data."""
