"""Lambda functions: `handle(event, clients, settings)` does the work, `handler` is Lambda's."""
