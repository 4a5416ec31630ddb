"""The Lambda in front of the endpoint: sessions, history, routing, streaming, telemetry."""
