"""The gateway as it runs: web, worker, clock, stand-ins, PostgreSQL and Valkey, each a process."""
