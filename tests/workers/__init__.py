"""The back room on a real Valkey."""
