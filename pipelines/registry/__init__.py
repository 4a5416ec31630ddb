"""Versions of the model: registered with what was measured, approved, found again."""
