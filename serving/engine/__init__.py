"""The engine: the loop that turns scheduled steps into tokens, and the client that talks to it."""
