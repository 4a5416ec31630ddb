#!/bin/bash
# Waits for the end that AWS announces, and brings what runs to its own end before.
#
#   spot: two minutes     -> unhealthy (the group takes it from the balancer) -> idle, at most 60 s
#   scale-in, replacement -> the group has taken it from the balancer         -> idle, at most 480 s
#   then: SIGTERM, the container drains for 25 s -> the lifecycle hook is completed
set -euo pipefail
# shellcheck source=common.sh
. "${KEEPWARM_FLEET_ROOT:-}/opt/keepwarm/bin/common.sh"

poll_s="${KEEPWARM_FLEET_POLL_S:-5}"
settle_s="${KEEPWARM_FLEET_SETTLE_S:-15}" # until the balancer sends nothing new
spot_s="${KEEPWARM_FLEET_SPOT_S:-60}"
longest_s="${KEEPWARM_FLEET_LONGEST_S:-480}" # as long as an answer may be streamed

notice() {
    if metadata spot/instance-action >/dev/null; then
        echo spot
    elif [[ "$(metadata autoscaling/target-lifecycle-state)" == Terminated ]]; then
        echo terminating
    fi
}

leave_balancer() {
    aws autoscaling set-instance-health --region "$FLEET_REGION" \
        --instance-id "$FLEET_INSTANCE" --health-status Unhealthy ||
        say "the group could not be told; it will see for itself"
}

# A server that does not answer has nothing to wait for.
wait_until_idle() {
    local end=$((SECONDS + $1)) requests
    while ((SECONDS < end)); do
        requests="$(in_flight)" || return 0
        [[ "$requests" == 0 ]] && return 0
        sleep "$poll_s"
    done
    say "$requests requests are still running after $1 s"
}

let_go() {
    aws autoscaling complete-lifecycle-action --region "$FLEET_REGION" \
        --auto-scaling-group-name "$FLEET_GROUP" --lifecycle-hook-name "$FLEET_HOOK" \
        --instance-id "$FLEET_INSTANCE" --lifecycle-action-result CONTINUE
}

reason=""
until [[ -n "$reason" ]]; do
    sleep "$poll_s"
    reason="$(notice || true)"
done
say "this instance ends ($reason)"
if [[ "$reason" == spot ]]; then
    leave_balancer
    longest_s="$spot_s"
fi
sleep "$settle_s"
wait_until_idle "$longest_s"
systemctl stop keepwarm.service
# The hook opens when the balancer is done, which may be a little later than we are.
for _ in {1..60}; do
    let_go && exit 0
    sleep "$poll_s"
done
say "the lifecycle hook could not be completed; it runs out by itself"
