"""ElastiCache in both kinds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.chat_boxes import chat_templates


def nodes(variant: str = "dev") -> dict[str, Any]:
    return chat_templates(variant).data.only("AWS::ElastiCache::ReplicationGroup")


def test_tls_is_required_and_what_is_on_disk_is_encrypted_by_our_key():
    assert nodes()["TransitEncryptionEnabled"] is True
    assert nodes()["TransitEncryptionMode"] == "required"
    assert nodes()["AtRestEncryptionEnabled"] is True
    assert "KeysData" in str(nodes()["KmsKeyId"])


def test_replicas_stand_in_other_zones_and_take_over_by_themselves():
    assert (nodes("prod")["MultiAZEnabled"], nodes("prod")["AutomaticFailoverEnabled"]) == (
        True,
        True,
    )
    assert nodes("prod")["ReplicasPerNodeGroup"] == 1
    assert (nodes("dev")["MultiAZEnabled"], nodes("dev")["AutomaticFailoverEnabled"]) == (
        False,
        False,
    )


def test_it_is_one_shard_so_no_client_of_a_cluster_is_needed():
    assert nodes()["NumNodeGroups"] == 1


def test_one_user_signs_in_by_iam_and_there_is_no_other():
    data = chat_templates().data
    user = data.only("AWS::ElastiCache::User")
    assert user["AuthenticationMode"] == {"Type": "iam"}
    assert user["UserId"] == user["UserName"] == "keepwarm-dev-chat"
    group = data.only("AWS::ElastiCache::UserGroup")
    assert len(group["UserIds"]) == 1
    assert "Ref" in nodes()["UserGroupIds"][0]


def test_redis_oss_wants_a_default_user_and_gets_one_who_may_not_enter():
    users = {
        one["UserName"]: one
        for one in chat_templates("redis").data.of_type("AWS::ElastiCache::User")
    }
    assert users["default"]["AccessString"] == "off ~* -@all"
    family = chat_templates("redis").data.only("AWS::ElastiCache::ParameterGroup")
    assert family["CacheParameterGroupFamily"] == "redis7"


def test_full_memory_takes_the_longest_untouched_and_no_log_quotes_a_command():
    group = chat_templates().data.only("AWS::ElastiCache::ParameterGroup")
    assert group["CacheParameterGroupFamily"] == "valkey8"
    assert group["Properties"] == {
        "maxmemory-policy": "volatile-lru",
        "slowlog-log-slower-than": "-1",
    }
    assert [one["LogType"] for one in nodes()["LogDeliveryConfigurations"]] == ["engine-log"]


def test_only_the_functions_group_is_at_the_door():
    assert len(nodes()["SecurityGroupIds"]) == 1
    assert "Sessions" in str(nodes()["SecurityGroupIds"])


def test_a_serverless_cache_is_as_closed():
    data = chat_templates("serverless").data
    cache = data.only("AWS::ElastiCache::ServerlessCache")
    assert (cache["Engine"], cache["MajorEngineVersion"]) == ("valkey", "8")
    assert "KeysData" in str(cache["KmsKeyId"])
    assert "Ref" in cache["UserGroupId"]
    assert len(cache["SubnetIds"]) == 2
    assert data.of_type("AWS::ElastiCache::ReplicationGroup") == []


@pytest.mark.parametrize(
    ("variant", "kind"), [("dev", "replicationgroup"), ("serverless", "serverlesscache")]
)
def test_the_function_may_connect_to_this_cache_as_this_user(variant, kind):
    policy = chat_templates(variant).only("chat", "AWS::IAM::Policy", "OrchestratorRole")
    (statement,) = [
        one for one in policy["PolicyDocument"]["Statement"] if one.get("Sid") == "Sessions"
    ]
    assert [str(one) for one in statement["Resource"]] == [
        str(
            {
                "Fn::Join": [
                    "",
                    [
                        "arn:",
                        {"Ref": "AWS::Partition"},
                        f":elasticache:us-east-1:111122223333:{tail}",
                    ],
                ]
            }
        )
        for tail in (f"{kind}:keepwarm-dev", "user:keepwarm-dev-chat")
    ]
