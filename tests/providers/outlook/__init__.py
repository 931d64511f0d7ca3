"""The Outlook adapter."""
