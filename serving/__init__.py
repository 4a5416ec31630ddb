"""The engine: requests in, tokens out. Knows no HTTP and no AWS."""
