"""What Lambda is pointed at: `_HANDLER=orchestrator_lambda.handler.handler`."""

from orchestrator_lambda.composition import make_handler

handler = make_handler()
