"""Sessions in Redis: lock, stream buffer, stop flag, limits. All of it may be lost."""
