"""The Google adapter."""
