"""The Google stand-in: OAuth and Calendar v3 over real HTTP, as strict as the real API.

Every rule names its public source. Where to look: ``api`` is the door, ``events_api``, ``listing``,
``calendars_api`` and ``channels_api`` are the methods, ``content`` is what an event may hold, ``oauth``,
``consent`` and ``grants`` are the sign-in, ``world`` is the state, ``guests`` stores events and
keeps the guests' copies, ``admin`` is the admin plane. Not modelled: free/busy, settings, imports, batches.
"""

from sandbox.google.app import GoogleStandIn, start

__all__ = ["GoogleStandIn", "start"]
