"""SageMaker's endpoints: creation and blue/green updates that take their time and may go back.

Creating --300 s--> InService            (a model that breaks: Failed)
Updating: 300 s new fleet | canary bakes | whole fleet bakes | InService, new configuration
               `-- model breaks            `-- an alarm of the rollback list is in ALARM
RollingBack --60 s--> InService, old configuration
Deleting --60 s--> gone
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipelines.testing.control_plane.alarms import Alarms
from pipelines.testing.control_plane.configs import EndpointConfigs
from pipelines.testing.control_plane.fleet import Rollout, fleet, rollout_of, summary
from pipelines.testing.control_plane.named import Named, invalid
from pipelines.testing.control_plane.part import Answer, Parameters
from pipelines.testing.control_plane.scaling import Scaling

LAUNCH_S, ROLLBACK_S, DELETE_S = 300.0, 60.0, 60.0
BAKE_STEP_S = 30.0
BUSY = ("Creating", "Updating", "RollingBack", "Deleting", "SystemUpdating")
DEPLOYMENT = "SageMaker Endpoint Deployment State Change"
STATE = "SageMaker Endpoint State Change"


class Endpoints(Named):
    """CreateEndpoint, UpdateEndpoint and their kin.

    Attributes:
        broken: names of models whose containers never answer, with the reason.
    """

    kind = "Endpoint"
    path = "endpoint"

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.broken: dict[str, str] = {}
        self._rollouts: dict[str, Rollout] = {}

    def create_endpoint(self, parameters: Parameters) -> Answer:
        config = self._config(parameters)
        answer = self.create(parameters)
        endpoint = self.items[parameters["EndpointName"]]
        endpoint["ProductionVariants"] = [fleet(config, self.now)]
        endpoint.pop("DeploymentConfig", None)
        self._become(endpoint, "Creating")
        self._later(endpoint, LAUNCH_S, lambda: self._launched(endpoint))
        return answer

    def describe_endpoint(self, parameters: Parameters) -> Answer:
        return dict(self.find(parameters))

    def list_endpoints(self, parameters: Parameters) -> Answer:
        return self.listed(parameters, "LastModifiedTime", "EndpointStatus")

    def delete_endpoint(self, parameters: Parameters) -> Answer:
        endpoint = self.find(parameters)
        self._require_idle(endpoint)
        name = parameters["EndpointName"]
        self._become(endpoint, "Deleting")
        self.plane.part(Scaling).forget(name)
        self._later(endpoint, DELETE_S, lambda: self.forget(name))
        return {}

    def update_endpoint(self, parameters: Parameters) -> Answer:
        endpoint = self.find(parameters)
        config = self._config(parameters)
        self._require_idle(endpoint)
        if endpoint["EndpointStatus"] == "Failed":
            raise invalid(f"Cannot update failed endpoint {endpoint['EndpointName']}.")
        if endpoint["EndpointConfigName"] == config["EndpointConfigName"]:
            raise invalid("Cannot update endpoint with the configuration that it has.")
        self.plane.part(Scaling).allow_update(endpoint, self._current(endpoint), config)
        deployment = parameters.get("DeploymentConfig", {})
        self.plane.part(Alarms).require(deployment)
        retain = parameters.get("RetainAllVariantProperties", False)
        rollout = rollout_of(endpoint, config, deployment, self.now, retain=retain)
        self._rollouts[endpoint["EndpointName"]] = rollout
        endpoint.pop("FailureReason", None)
        endpoint["PendingDeploymentSummary"] = summary(rollout, "Creating", 0, self.now)
        self._become(endpoint, "Updating", DEPLOYMENT)
        self._later(endpoint, LAUNCH_S, lambda: self._new_fleet(endpoint, rollout))
        return {"EndpointArn": endpoint["EndpointArn"]}

    def _launched(self, endpoint: Answer) -> None:
        reason = self.broken.get(self._current(endpoint)["ProductionVariants"][0]["ModelName"])
        if reason:
            endpoint["FailureReason"] = reason
            return self._become(endpoint, "Failed")
        variant = endpoint["ProductionVariants"][0]
        variant["CurrentInstanceCount"] = variant["DesiredInstanceCount"]
        variant["CurrentWeight"] = variant["DesiredWeight"]
        variant.pop("VariantStatus", None)
        return self._become(endpoint, "InService")

    def _new_fleet(self, endpoint: Answer, rollout: Rollout) -> None:
        reason = self.broken.get(rollout.model)
        if reason:
            return self._roll_back(endpoint, reason)
        return self._bake(endpoint, rollout, stage=0, since=self.now)

    def _bake(self, endpoint: Answer, rollout: Rollout, stage: int, since: datetime) -> None:
        """Serve with a share of the new fleet, and look at the alarms all the while."""
        alarm = self.plane.part(Alarms).tripped(rollout.alarms)
        if alarm:
            return self._roll_back(endpoint, f"One or more alarms are in ALARM: {alarm}")
        if (self.now - since).total_seconds() >= rollout.stages[stage].seconds:
            stage, since = stage + 1, self.now
        if stage == len(rollout.stages):
            return self._finish(endpoint, rollout)
        before = endpoint["PendingDeploymentSummary"]
        share = rollout.stages[stage].percent
        pending = summary(rollout, "Baking", share, since)
        endpoint["PendingDeploymentSummary"] = pending
        if pending != before:
            self._become(endpoint, "Updating", DEPLOYMENT)
        rest = rollout.stages[stage].seconds - (self.now - since).total_seconds()
        wait = min(BAKE_STEP_S, rest)
        return self._later(endpoint, wait, lambda: self._bake(endpoint, rollout, stage, since))

    def _finish(self, endpoint: Answer, rollout: Rollout) -> None:
        endpoint["EndpointConfigName"] = rollout.config
        endpoint["ProductionVariants"] = [fleet_in_service(rollout)]
        endpoint["LastDeploymentConfig"] = rollout.deployment
        self._end(endpoint)

    def _roll_back(self, endpoint: Answer, reason: str) -> None:
        endpoint["FailureReason"] = reason
        self._become(endpoint, "RollingBack", DEPLOYMENT)
        self._later(endpoint, ROLLBACK_S, lambda: self._end(endpoint))

    def _end(self, endpoint: Answer) -> None:
        endpoint.pop("PendingDeploymentSummary", None)
        self._rollouts.pop(endpoint["EndpointName"], None)
        self._become(endpoint, "InService", DEPLOYMENT)

    def _become(self, endpoint: Answer, status: str, *also: str) -> None:
        endpoint["EndpointStatus"] = status
        endpoint["LastModifiedTime"] = self.now
        detail = {
            "EndpointName": endpoint["EndpointName"],
            "EndpointArn": endpoint["EndpointArn"],
            "EndpointConfigName": endpoint["EndpointConfigName"],
            "EndpointStatus": _shouted(status),
            "Tags": {},
        }
        for kind in (STATE, *also):
            self.plane.emit("aws.sagemaker", kind, detail, endpoint["EndpointArn"])

    def _later(self, endpoint: Answer, seconds: float, action: Any) -> None:
        """Act, unless the endpoint is another one by then."""
        name = endpoint["EndpointName"]
        self.plane.after(seconds, lambda: action() if self.items.get(name) is endpoint else None)

    def _config(self, parameters: Parameters) -> Answer:
        return self.plane.part(EndpointConfigs).find(parameters)

    def _current(self, endpoint: Answer) -> Answer:
        return self.plane.part(EndpointConfigs).items[endpoint["EndpointConfigName"]]

    def _require_idle(self, endpoint: Answer) -> None:
        if endpoint["EndpointStatus"] in BUSY:
            raise invalid(f'Cannot update in-progress endpoint "{endpoint["EndpointArn"]}".')


def fleet_in_service(rollout: Rollout) -> Answer:
    """The new fleet as the only one."""
    return {
        "VariantName": rollout.variant,
        "CurrentWeight": 1.0,
        "DesiredWeight": 1.0,
        "CurrentInstanceCount": rollout.instances,
        "DesiredInstanceCount": rollout.instances,
    }


def _shouted(status: str) -> str:
    """`InService` as events write it: IN_SERVICE."""
    return "".join(f"_{one}" if one.isupper() else one for one in status).lstrip("_").upper()
