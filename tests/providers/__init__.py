"""The providers' adapters, each in isolation."""
