"""How this model answers. Change any of the four functions, or delete it to keep the built-in one.

    body --input_fn--> GenerationRequest --predict_fn--> outputs --output_fn--> answer

predict_fn may be a plain function, a generator, or the async form of either. Whatever it submits
runs in the continuous batch, side by side with every other request.
"""

from container.toolbox import generate, read_request, start_engine, write_reply


def model_fn(model_dir, context=None):
    """Start the engine on the checkpoint in `model_dir`; it goes on loading by itself."""
    return start_engine(model_dir)


def input_fn(body, content_type, context):
    """JSON to a request: OpenAI chat, OpenAI completion, or {"inputs", "parameters"}."""
    return read_request(body, content_type, context)


def predict_fn(data, model, context):
    """Submit the request to the continuous batch; its tokens come while others' do."""
    return generate(data, model, context)


def output_fn(prediction, accept, context):
    """The answer as JSON, or as server-sent events if the request said `stream`."""
    return write_reply(prediction, accept, context)
