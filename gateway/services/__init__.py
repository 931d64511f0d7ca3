"""Use cases: ports in, ports out. No Flask, no RQ, no SQL, no HTTP."""
