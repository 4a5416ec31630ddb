"""How an instance begins: machine image, disk, metadata service, user data."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infrastructure.fleet.boot import user_data
from infrastructure.fleet.roles import InstanceRole
from infrastructure.settings import Stage


class Launch(Construct):
    """The launch template: no key pair, no public address, IMDSv2 alone.

    The disk holds image and weights, and is encrypted by the account's own key for disks: the
    group's service role could not use the stage's key without being named in its policy.

    Attributes:
        template: of all instance types.
    """

    def __init__(
        self, scope: Construct, id: str, *, stage: Stage, group: ec2.ISecurityGroup
    ) -> None:
        super().__init__(scope, id)
        fleet = stage.fleet
        self.template = ec2.LaunchTemplate(
            self,
            "Template",
            instance_type=ec2.InstanceType(fleet.instance_types[0]),
            machine_image=ec2.MachineImage.from_ssm_parameter(fleet.ami_parameter),
            role=InstanceRole(self, "Role", stage=stage).role,
            security_group=group,
            user_data=ec2.UserData.custom(user_data(stage)),
            block_devices=[_disk(fleet.volume_gb)],
            require_imdsv2=True,
            http_put_response_hop_limit=1,  # a container is a hop further: it gets no credentials
            detailed_monitoring=True,
        )


def _disk(volume_gb: int) -> ec2.BlockDevice:
    return ec2.BlockDevice(
        device_name="/dev/xvda",
        volume=ec2.BlockDeviceVolume.ebs(
            volume_gb,
            encrypted=True,
            volume_type=ec2.EbsDeviceVolumeType.GP3,
            delete_on_termination=True,
        ),
    )
