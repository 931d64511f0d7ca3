"""The Microsoft stand-in: the sign-in (v2.0 endpoints) and Graph's Outlook calendar over real HTTP.

Every rule names its public source, or says that it is unconfirmed and in what form it is played. Where to look:
``api`` and ``door`` let calls of Graph in and ``routes`` lists its methods; ``events_api``, ``listing``,
``calendars_api``, ``categories_api``, ``subscriptions_api`` and ``batch`` are the methods; ``schema`` and ``content``
are what may be written; ``login``, ``consent``, ``tokens`` and ``grants`` are the sign-in; ``world`` and ``mailbox``
are the state; ``subscriptions`` and ``notices`` are the change notifications; ``admin`` is the admin plane.
Not modelled: calendarView, delta queries, occurrences of a series, attachments, invitations, rich notifications,
claims challenges, the delays and drops that a slow receiver earns.
"""

from sandbox.graph.app import GraphStandIn, start

__all__ = ["GraphStandIn", "start"]
