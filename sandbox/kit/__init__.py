"""What every stand-in is built from: clock, ledger, faults, sender of webhooks, admin plane and HTTP server."""
