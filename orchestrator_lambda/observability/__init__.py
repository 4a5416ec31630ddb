"""Logs, metrics and traces of the orchestrator, without a word of any message."""
