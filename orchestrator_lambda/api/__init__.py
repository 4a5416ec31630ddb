"""The HTTP API, version 1: routes to turns and stores; no rule of a conversation is made here."""
