"""Which KV blocks hold what: pure bookkeeping, no tensors (`storage.py` holds those)."""
