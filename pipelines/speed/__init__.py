"""How fast an endpoint answers: the chat workload, the load it makes, and what follows from it."""
