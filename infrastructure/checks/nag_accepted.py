"""What cdk-nag finds and we mean: each with its reason."""

from __future__ import annotations

from infrastructure.checks.accepted import Accepted

_COPY = "edge/Custom::CDKBucketDeployment*"
_STAR = r"Resource::\*"

ACCEPTED: tuple[Accepted, ...] = (
    Accepted(
        "AwsSolutions-IAM5",
        "network/Security/PrefixList-*/Call/CustomResourcePolicy/Resource",
        "EC2's describing actions know no resources; each policy holds one such action",
        _STAR,
    ),
    Accepted(
        "AwsSolutions-IAM5",
        "edge/*/Call/CustomResourcePolicy/Resource",
        "EC2's describing actions know no resources; each policy holds one such action",
        _STAR,
    ),
    Accepted(
        "AwsSolutions-IAM5",
        "chat/*/Role/DefaultPolicy/Resource",
        "X-Ray and the interfaces of a function in a VPC know no resources",
        _STAR,
    ),
    Accepted(
        "AwsSolutions-IAM5",
        "chat/*/Role/DefaultPolicy/Resource",
        "objects are named by conversation and content; the policy ends at their prefix",
        r"Resource::.*TextsE?[0-9A-F]*Arn.*/messages/\*",
    ),
    Accepted(
        "AwsSolutions-IAM4",
        "*/AWS679f53fac002430cb0da5b7982bd2287/ServiceRole/Resource",
        "the CDK's own helper writes its log by this policy and does nothing else by it",
        r"Policy::.*/AWSLambdaBasicExecutionRole",
    ),
    Accepted(
        "AwsSolutions-IAM4",
        f"{_COPY}/ServiceRole/Resource",
        "the CDK's own helper writes its log by this policy and does nothing else by it",
        r"Policy::.*/AWSLambdaBasicExecutionRole",
    ),
    Accepted(
        "AwsSolutions-IAM5",
        f"{_COPY}/ServiceRole/DefaultPolicy/Resource",
        "the CDK's helper reads the page from the deployment's assets; it cannot know the names",
        r"Action::s3:(GetBucket|GetObject|List)\*|Resource::arn:.*:s3:::cdk-.*-assets-.*/\*",
    ),
    Accepted(
        "AwsSolutions-IAM5",
        f"{_COPY}/ServiceRole/DefaultPolicy/Resource",
        "the CDK's helper writes the page's files into the page's bucket",
        r"Action::s3:(Abort|DeleteObject)\*|Resource::<PageBucket[0-9A-F]+\.Arn>/\*",
    ),
    Accepted(
        "AwsSolutions-L1",
        f"{_COPY}/Resource",
        "the runtime of the CDK's own helper comes with the CDK's version, which is pinned",
    ),
    Accepted(
        "AwsSolutions-L1",
        "chat/*/Function/Resource",
        "the runtime is the Python that the orchestrator's dependencies are tested with",
    ),
    Accepted(
        "AwsSolutions-KDS3",
        "data/Events/Stream/Resource",
        "AWS's key has no policy of ours; the stage's key says who may read the events",
    ),
    Accepted(
        "AwsSolutions-AEC6",
        "data/Sessions/Nodes",
        "users sign in by IAM, whose tokens last minutes; a password would be a secret to keep",
    ),
    Accepted(
        "AwsSolutions-AEC4",
        "data/Sessions/Nodes",
        "a stage that keeps its data is refused without replicas; dev may do without",
    ),
    Accepted(
        "AwsSolutions-IAM5",
        "models/*/Role/Role/Resource",
        "EC2's describing actions, ECR's sign-in, metrics and the agent's channels know no "
        "resources; metrics are bound by their namespace",
        _STAR,
    ),
    Accepted(
        "AwsSolutions-IAM5",
        "models/Endpoint/Role/Role/Resource",
        "SageMaker names the interfaces; making one is bound to the private subnets and one group",
        r"Resource::arn:.*:network-interface/\*",
    ),
    Accepted(
        "AwsSolutions-IAM5",
        "models/Endpoint/Role/Role/Resource",
        "SageMaker names the streams of its log groups, whose beginning is the endpoint's name",
        r"Resource::arn:.*:log-group:/aws/sagemaker/.*",
    ),
    Accepted(
        "AwsSolutions-IAM5",
        "models/*/Role/Role/Resource",
        "a model is many files below one prefix, which is all that may be read",
        r"Resource::arn:.*:s3:::keepwarm-.*/\*",
    ),
    Accepted(
        "AwsSolutions-IAM5",
        "models/Fleet/Launch/Role/Role/Resource",
        "AWS puts a number into the group's ARN; the group's name is written out",
        r"Resource::arn:.*:autoScalingGroup:\*:autoScalingGroupName/keepwarm-prod-fleet",
    ),
    Accepted(
        "AwsSolutions-IAM5",
        "models/Fleet/Launch/Role/Role/Resource",
        "an instance does not know its number before it is there, nor the stream it will write",
        r"Resource::arn:.*:(instance/\*|log-group:/keepwarm/prod/fleet:log-stream:\*)",
    ),
    Accepted(
        "AwsSolutions-AS3",
        "models/Fleet/Group/ASG",
        "instances come and go all day; the alarms tell what matters to people",
    ),
    Accepted(
        "AwsSolutions-EC26",
        "models/Fleet/Group/ASG",
        "the disk is in the launch template, and encrypted there; the rule looks at the group",
    ),
    Accepted(
        "AwsSolutions-S1",
        "models/Fleet/Balancer/Logs/Bucket/Resource",
        "a bucket of logs that logs itself would never be at rest",
    ),
    Accepted(
        "AwsSolutions-COG2",
        "chat/SignIn/Pool/Resource",
        "whether a second factor is required is a setting of the stage",
    ),
    Accepted(
        "AwsSolutions-COG8",
        "chat/SignIn/Pool/Resource",
        "threat protection is paid by the user; long passwords, a second factor and the "
        "firewall's rate rules stand without it",
    ),
    Accepted(
        "AwsSolutions-SQS3",
        "chat/DeadLetters/*/Resource",
        "these are the queues of dead letters",
    ),
    Accepted(
        "AwsSolutions-SMG4",
        "chat/Orchestrator/Salt",
        "a salt that turned would make every user another one in the metrics",
    ),
    Accepted(
        "AwsSolutions-APIG2",
        "chat/Api/Api/Resource",
        "the function validates bodies by the schemas that the OpenAPI document is made of",
    ),
    Accepted(
        "AwsSolutions-IAM4",
        "chat/Api/Api/CloudWatchRole/Resource",
        "AWS's own policy for this one purpose; the account has one such role",
        r"Policy::.*/AmazonAPIGatewayPushToCloudWatchLogs",
    ),
    Accepted(
        "AwsSolutions-APIG3",
        "chat/Api/Api/DeploymentStage.*/Resource",
        "the firewall stands before CloudFront, the only way to this private API",
    ),
    *(
        Accepted(
            rule,
            f"chat/Api/Api/Default/v1/{path}/GET/Resource",
            "health and the API's description are open; they hold nobody's data",
        )
        for rule in ("AwsSolutions-APIG4", "AwsSolutions-COG4")
        for path in ("health", "openapi.json")
    ),
    Accepted(
        "AwsSolutions-CFR1",
        "edge/Distribution/Distribution/Resource",
        "where the service is offered is a setting of the stage",
    ),
)
