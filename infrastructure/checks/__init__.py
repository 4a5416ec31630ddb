"""What other people's rules say of the templates, and which findings are accepted, and why."""
