"""Everything at rest is encrypted, everything on the way goes by TLS."""

from __future__ import annotations

import json

import pytest

from tests.support.edge import Edges

STAGES = ("dev", "prod")


@pytest.mark.parametrize("stage", STAGES)
def test_every_bucket_is_encrypted_and_refuses_plain_http(edges: Edges, stage: str) -> None:
    edge = edges(stage)
    buckets = list(edge.resources("AWS::S3::Bucket"))
    policies = list(edge.resources("AWS::S3::BucketPolicy"))

    assert buckets
    for bucket in buckets:
        assert bucket.properties["BucketEncryption"], bucket.path
        guarded = [
            statement
            for policy in policies
            if policy.properties["Bucket"] == {"Ref": bucket.id} and policy.part == bucket.part
            for statement in policy.properties["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        ]
        assert guarded, bucket.path


@pytest.mark.parametrize("stage", STAGES)
def test_every_table_is_encrypted_by_the_stage_s_key(edges: Edges, stage: str) -> None:
    tables = list(edges(stage).resources("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"))

    assert tables
    for table in tables:
        assert table.properties["SSESpecification"]["SSEEnabled"] is True, table.path
        assert table.properties["SSESpecification"]["SSEType"] == "KMS", table.path


@pytest.mark.parametrize("stage", STAGES)
def test_every_stream_is_encrypted_by_the_stage_s_key(edges: Edges, stage: str) -> None:
    streams = list(edges(stage).resources("AWS::Kinesis::Stream"))

    assert streams
    for stream in streams:
        assert stream.properties["StreamEncryption"]["EncryptionType"] == "KMS", stream.path
        assert not isinstance(stream.properties["StreamEncryption"]["KeyId"], str), stream.path


@pytest.mark.parametrize("stage", STAGES)
def test_every_queue_and_topic_is_encrypted(edges: Edges, stage: str) -> None:
    for queue in edges(stage).resources("AWS::SQS::Queue"):
        assert queue.properties["KmsMasterKeyId"], queue.path
    for topic in edges(stage).resources("AWS::SNS::Topic"):
        assert topic.properties["KmsMasterKeyId"], topic.path


@pytest.mark.parametrize("stage", STAGES)
def test_the_sessions_are_encrypted_at_rest_and_on_the_way(edges: Edges, stage: str) -> None:
    groups = list(edges(stage).resources("AWS::ElastiCache::ReplicationGroup"))

    assert groups
    for group in groups:
        assert group.properties["AtRestEncryptionEnabled"] is True
        assert group.properties["TransitEncryptionEnabled"] is True
        assert group.properties["KmsKeyId"]


@pytest.mark.parametrize("stage", STAGES)
def test_keys_turn_by_themselves(edges: Edges, stage: str) -> None:
    keys = list(edges(stage).resources("AWS::KMS::Key"))

    assert keys
    for key in keys:
        assert key.properties["EnableKeyRotation"] is True, key.path


@pytest.mark.parametrize("stage", STAGES)
def test_every_listener_speaks_tls_alone(edges: Edges, stage: str) -> None:
    listeners = list(edges(stage).resources("AWS::ElasticLoadBalancingV2::Listener"))

    assert listeners
    for listener in listeners:
        assert listener.properties["Protocol"] == "HTTPS", listener.path
        assert "TLS13" in listener.properties["SslPolicy"], listener.path


@pytest.mark.parametrize("stage", STAGES)
def test_cloudfront_speaks_tls_to_viewers_and_origins(edges: Edges, stage: str) -> None:
    (distribution,) = edges(stage).resources("AWS::CloudFront::Distribution")
    config = distribution.properties["DistributionConfig"]

    assert config["ViewerCertificate"]["MinimumProtocolVersion"].startswith("TLSv1.2")
    for behavior in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        assert behavior["ViewerProtocolPolicy"] in ("https-only", "redirect-to-https")
    for origin in edges(stage).resources("AWS::CloudFront::VpcOrigin"):
        endpoint = origin.properties["VpcOriginEndpointConfig"]
        assert endpoint["OriginProtocolPolicy"] == "https-only"
        assert endpoint["OriginSSLProtocols"] == ["TLSv1.2"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_disk_of_an_instance_is_encrypted(edges: Edges, stage: str) -> None:
    for template in edges(stage).resources("AWS::EC2::LaunchTemplate"):
        disks = template.properties["LaunchTemplateData"]["BlockDeviceMappings"]
        assert disks
        for disk in disks:
            assert disk["Ebs"]["Encrypted"] is True, template.path


@pytest.mark.parametrize("stage", STAGES)
def test_an_endpoint_s_disks_are_encrypted_by_the_stage_s_key(edges: Edges, stage: str) -> None:
    configs = list(edges(stage).resources("AWS::SageMaker::EndpointConfig"))

    assert configs
    for config in configs:
        variants = json.dumps(config.properties["ProductionVariants"])
        # Instances with NVMe disks of their own encrypt those by hardware and refuse a key.
        assert "KmsKeyId" in config.properties or "ml.g6" in variants, config.path
