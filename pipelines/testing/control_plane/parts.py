"""Which parts there are; a new service or a new share of one is a line here."""

from __future__ import annotations

from pipelines.testing.control_plane.alarms import Alarms
from pipelines.testing.control_plane.codebuild import CodeBuild
from pipelines.testing.control_plane.configs import EndpointConfigs
from pipelines.testing.control_plane.ecr import Images
from pipelines.testing.control_plane.ecr_checks import ImageChecks
from pipelines.testing.control_plane.endpoints import Endpoints
from pipelines.testing.control_plane.models import Models
from pipelines.testing.control_plane.packages import Packages
from pipelines.testing.control_plane.part import Part
from pipelines.testing.control_plane.pipelines import Pipelines
from pipelines.testing.control_plane.s3 import S3
from pipelines.testing.control_plane.scaling import Scaling
from pipelines.testing.control_plane.signer import Signer
from pipelines.testing.control_plane.sqs import Queues
from pipelines.testing.control_plane.stacks import Stacks
from pipelines.testing.control_plane.sts import Sts
from pipelines.testing.control_plane.tags import Tags

PARTS: tuple[type[Part], ...] = (
    Models,
    EndpointConfigs,
    Endpoints,
    Packages,
    Pipelines,
    Scaling,
    Alarms,
    S3,
    Sts,
    Tags,
    Queues,
    Images,
    ImageChecks,
    CodeBuild,
    Signer,
    Stacks,
)
