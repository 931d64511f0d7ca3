"""Tests of crms/generic."""
