"""The web door: the API for CRMs, the pages for people, the documents for developers."""
