"""Benchmarks against the demo's own set-up: real processes, the stand-ins at latency 0, times read off their ledgers.

``make bench`` (``QUICK=1`` for under two minutes) prints one table: every figure beside a plain baseline that was
measured in turns with it in the same run (A B A B), and leaves JSON under ``bench/results/``. Knows the product only
by its commands and HTTP, as a stranger would.
"""
