"""What is kept: the key, the tables, the texts, the events, the sessions."""
