"""What the orchestrator costs: its import, the time it adds, the units it writes, what it loses."""
