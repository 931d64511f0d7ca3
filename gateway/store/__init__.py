"""The store on PostgreSQL: SQLAlchemy Core and psycopg behind the port ``gateway.core.repositories``.

Knows rows, transactions and ciphertext; decides nothing. One repository a file; ``unit_of_work.PgStore`` is the door.
"""
