"""What the engine costs beside its model: a step's bookkeeping, HTTP, and doing nothing."""
