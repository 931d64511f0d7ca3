"""Tests of crms."""
