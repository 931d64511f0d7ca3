"""Stand-ins for the outside world: a CRM, Google Calendar and Microsoft Graph as real HTTP servers on loopback.

They import nothing of the product and the product imports nothing of them. All state is in memory, and what they do
follows from the seed and the requests they get. See README.md beside this file for the admin plane.
"""
