"""Other engines behind the same loop."""
