"""Lambda's custom runtime in the standard library: events in, answers out piece by piece."""
