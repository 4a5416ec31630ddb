"""ElastiCache: locks, stream buffers, stops and rates, in nodes of one's own or serverless.

    nodes        one shard with replicas in other zones; fails over by itself
    serverless   AWS scales it; speaks the protocol of a cluster

Both: TLS alone, the customer's key, one user who signs in by IAM and has the orchestrator's
commands and keys, and no other.
"""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_kms as kms
from aws_cdk.aws_elasticache import CfnReplicationGroup as Nodes
from constructs import Construct

from infrastructure import contract
from infrastructure.data.access import NOBODY, access_string
from infrastructure.log_groups import log_group
from infrastructure.network.security import SecurityGroups
from infrastructure.network.vpc import PRIVATE_SUBNETS
from infrastructure.settings import Stage

PORT = 6379
PARAMETERS: Mapping[str, str] = {
    "maxmemory-policy": "volatile-lru",
    "slowlog-log-slower-than": "-1",
}
"""When memory is full, what was not touched for longest goes: buffers of answers that have ended,
whose text is in DynamoDB. A lock is touched every few seconds; evicting by time to live instead
would begin with the locks. Serverless caches have this policy fixed. The slow log quotes the
arguments of commands, which here are words of messages: it stays off."""


class SessionStore(Construct):
    """The session store and its one user.

    Attributes:
        url: `rediss://` of the primary.
        environment: KEEPWARM_REDIS_* beside the URL.
        arns: what `elasticache:Connect` must be allowed on: the cache and the user.
        parameters: the group; None for a serverless cache, which has none.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        vpc: ec2.IVpc,
        security: SecurityGroups,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id)
        self._stage, self._key = stage, key
        self._names = contract.resource_names(stage)
        self._serverless = stage.sessions.kind == "serverless"
        self._subnets = vpc.select_subnets(
            subnet_group_name=PRIVATE_SUBNETS.subnet_group_name
        ).subnet_ids
        self._group = security.sessions
        self.parameters: elasticache.CfnParameterGroup | None = None
        users = self._users()
        host = self._serverless_cache(users) if self._serverless else self._nodes(users)
        self.url = f"rediss://{host}:{PORT}"
        self.environment = self._environment()
        self.arns = self._arns()

    def _users(self) -> elasticache.CfnUserGroup:
        """The orchestrator's user; Redis OSS wants one called `default`, too, who may not enter."""
        engine, name = self._stage.sessions.engine, self._names.cache_user
        user = elasticache.CfnUser(
            self,
            "User",
            engine=engine,
            user_id=name,
            user_name=name,
            access_string=access_string(engine, cluster=self._serverless),
            authentication_mode={"Type": "iam"},
        )
        members = [user]
        if engine == "redis":
            members.append(self._nobody())
        group = elasticache.CfnUserGroup(
            self,
            "Users",
            engine=engine,
            user_group_id=self._names.cache,
            user_ids=[member.ref for member in members],
        )
        return group

    def _nobody(self) -> elasticache.CfnUser:
        return elasticache.CfnUser(
            self,
            "Nobody",
            engine="redis",
            user_id=f"{self._names.cache}-off",
            user_name="default",
            access_string=NOBODY,
            no_password_required=True,
        )

    def _nodes(self, users: elasticache.CfnUserGroup) -> str:
        """One shard; its primary's name."""
        sessions, several = self._stage.sessions, self._stage.sessions.replicas > 0
        self.parameters = elasticache.CfnParameterGroup(
            self,
            "Parameters",
            cache_parameter_group_family=_family(sessions.engine, sessions.version),
            description="Keepwarm: what may be evicted",
            properties=dict(PARAMETERS),
        )
        subnets = elasticache.CfnSubnetGroup(
            self, "Subnets", description="Keepwarm: private subnets", subnet_ids=self._subnets
        )
        group = Nodes(
            self,
            "Nodes",
            replication_group_id=self._names.cache,
            replication_group_description="Keepwarm: locks, stream buffers, stops, rates",
            engine=sessions.engine,
            engine_version=sessions.version,
            cache_node_type=sessions.node_type,
            num_node_groups=1,
            replicas_per_node_group=sessions.replicas,
            multi_az_enabled=several,
            automatic_failover_enabled=several,
            port=PORT,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            at_rest_encryption_enabled=True,
            kms_key_id=self._key.key_arn,
            user_group_ids=[users.ref],
            cache_subnet_group_name=subnets.ref,
            cache_parameter_group_name=self.parameters.ref,
            security_group_ids=[self._group.security_group_id],
            snapshot_retention_limit=sessions.snapshot_days,
            auto_minor_version_upgrade=True,
            log_delivery_configurations=[self._log("engine-log")],
        )
        return group.attr_primary_end_point_address

    def _serverless_cache(self, users: elasticache.CfnUserGroup) -> str:
        """A cache that AWS scales; its endpoint's name."""
        sessions = self._stage.sessions
        cache = elasticache.CfnServerlessCache(
            self,
            "Serverless",
            serverless_cache_name=self._names.cache,
            description="Keepwarm: locks, stream buffers, stops, rates",
            engine=sessions.engine,
            major_engine_version=sessions.version.split(".")[0],
            kms_key_id=self._key.key_arn,
            user_group_id=users.ref,
            subnet_ids=self._subnets,
            security_group_ids=[self._group.security_group_id],
            snapshot_retention_limit=sessions.snapshot_days,
        )
        return cache.attr_endpoint_address

    def _log(self, kind: str) -> Nodes.LogDeliveryConfigurationRequestProperty:
        group = log_group(self, kind.title().replace("-", ""), stage=self._stage, key=self._key)
        return Nodes.LogDeliveryConfigurationRequestProperty(
            destination_type="cloudwatch-logs",
            log_format="json",
            log_type=kind,
            destination_details=Nodes.DestinationDetailsProperty(
                cloud_watch_logs_details=Nodes.CloudWatchLogsDestinationDetailsProperty(
                    log_group=group.log_group_name
                )
            ),
        )

    def _environment(self) -> dict[str, str]:
        own = {
            "KEEPWARM_REDIS_IAM_USER": self._names.cache_user,
            "KEEPWARM_REDIS_IAM_CACHE": self._names.cache,
        }
        if not self._serverless:
            return own
        return {**own, "KEEPWARM_REDIS_CLUSTER": "true", "KEEPWARM_REDIS_IAM_SERVERLESS": "true"}

    def _arns(self) -> tuple[str, str]:
        kind = "serverlesscache" if self._serverless else "replicationgroup"
        place = f"arn:{cdk.Aws.PARTITION}:elasticache:{self._stage.region}:{self._stage.account}"
        return f"{place}:{kind}:{self._names.cache}", f"{place}:user:{self._names.cache_user}"


def _family(engine: str, version: str) -> str:
    """Parameter groups go by the major version: valkey8, redis7."""
    return f"{engine}{version.split('.')[0]}"
