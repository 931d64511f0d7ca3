"""The doors: everything a stranger or a CRM on a bad day can send."""
