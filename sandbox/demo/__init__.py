"""The demo: everything on one machine, without an account, a key or a server installed. ``make demo`` runs it.

``settings`` and ``keys`` say what is where; ``run`` starts and watches the parts (``processes``); ``connect`` does
the OAuth flow as a person would; ``seed`` fills both sides; ``desk`` and ``views`` are the page at the end.
"""
