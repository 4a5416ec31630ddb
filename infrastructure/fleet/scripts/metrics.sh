#!/bin/bash
# Tells CloudWatch how full this instance is; each instance writes the same metric of its group, so
# that the metric's average is the average instance. A server that does not answer tells nothing.
set -euo pipefail
# shellcheck source=common.sh
. "${KEEPWARM_FLEET_ROOT:-}/opt/keepwarm/bin/common.sh"

entry() {
    local group="Dimensions=[{Name=AutoScalingGroupName,Value=$FLEET_GROUP}]"
    echo "MetricName=$1,Value=$2,Unit=$3,StorageResolution=1,$group"
}

if ! requests="$(in_flight)"; then
    say "the container does not answer"
    exit 0
fi
occupancy="$(gauges keepwarm:gpu_cache_usage_perc)"
sessions="$(gauges keepwarm:sessions_open)"
aws cloudwatch put-metric-data --region "$FLEET_REGION" --namespace "$FLEET_NAMESPACE" \
    --metric-data "$(entry concurrent_requests "$requests" Count)" \
    "$(entry kv_occupancy "$occupancy" None)" \
    "$(entry sessions_open "$sessions" Count)"
