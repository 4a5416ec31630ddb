"""A stateful fake of AWS's control plane behind real boto3 clients.

    plane = ControlPlane()
    sagemaker = plane.client("sagemaker")     # botocore validates, parses, waits, pages
    sagemaker.create_endpoint(...)
    plane.advance(600)                        # it is in service now, and said so by an event

See `plane.py` for what a test may do with it.
"""

from pipelines.testing.control_plane.faults import LOST
from pipelines.testing.control_plane.part import ApiError, Call, Part
from pipelines.testing.control_plane.plane import ControlPlane

__all__ = ["LOST", "ApiError", "Call", "ControlPlane", "Part"]
