"""Telemetry: a turn's start and end, into Kinesis at least once, out of it into CloudWatch."""
