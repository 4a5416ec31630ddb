"""The functions of the zip: orchestrator, sweeper, consumer; what each may do, and no more."""
