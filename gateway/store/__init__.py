"""The store on PostgreSQL: SQLAlchemy Core and psycopg behind the port ``gateway.core.repositories``.

Knows rows, transactions and ciphertext; decides nothing. One repository a file; ``unit_of_work.PgStore`` is the door.

**The order of locks.** A transaction locks rows in this order, and those of one kind in the order of their ids, so that
no two ever wait for each other in a ring (``tests/flows/lock_order.py`` watches every flow for it):

1. ``installations``
2. ``connections``: before links, because an end of a connection must not miss a link that comes to it at that moment
3. ``subscriptions``; ``held``
4. ``links``
5. what belongs to one link or delivery: ``conflicts``, ``inbox`` with its bodies; then ``connection_ledger``
6. ``outbox``, of which ``hold`` and ``settle`` are a part, and ``mailbox_pauses``

A new row that nobody else can know yet (a new connection, an arrival) may come at any time. A ring that forms all the
same is broken by PostgreSQL after a second: ``failures.Contended``, and whoever met it begins again.
"""
