"""The inference container: what answers HTTP, around one engine client."""
