"""Calendar Gateway: a CRM task and its calendar event, kept in step.

The map (who may know whom is tested in ``tests/test_architecture.py``):

- ``core``      decisions, pure: no clock, no I/O
- ``services``  use cases over the ports of ``core.ports``
- ``providers`` one folder a calendar provider; ``crms`` one folder a CRM
- ``store``     PostgreSQL: one transaction at a time, secrets encrypted
- ``web``       the API, the pages, the command line
- ``settings``  the only reader of the environment; ``wiring`` the only file that knows everybody

This module imports nothing.
"""
