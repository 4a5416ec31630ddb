"""The wire formats: bodies to requests, outputs to bodies. No HTTP server, no engine."""
