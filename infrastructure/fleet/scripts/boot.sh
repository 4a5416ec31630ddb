#!/bin/bash
# Makes an instance serve: driver, image, model, units. What fails ends it with a line that says
# what; the group replaces the instance when its time to load is over.
set -euo pipefail
# shellcheck source=common.sh
. "${KEEPWARM_FLEET_ROOT:-}/opt/keepwarm/bin/common.sh"

again_s="${KEEPWARM_FLEET_AGAIN_S:-10}"

# Five tries: registry and bucket may throttle a group that starts all at once.
patiently() {
    local try
    for try in 1 2 3 4 5; do
        "$@" && return 0
        say "try $try of 5 failed: $1 $2" >&2
        sleep "$again_s"
    done
    return 1
}

# Without a driver the image would only be fetched to say the same.
check_driver() {
    local version
    if ! version="$(nvidia-smi --query-gpu=driver_version --format=csv,noheader)"; then
        say "this machine has no GPU driver: choose another fleet.ami_parameter or instance type" >&2
        return 3
    fi
    say "GPU driver ${version%%$'\n'*}"
}

log_in() {
    local password
    password="$(aws ecr get-login-password --region "$FLEET_REGION")" || return 1
    docker login --username AWS --password-stdin "${FLEET_IMAGE%%/*}" <<<"$password"
}

fetch_model() {
    aws s3 sync "$FLEET_MODEL" "$root/opt/keepwarm/model" --region "$FLEET_REGION" --no-progress
}

check_driver
instance="$(patiently metadata instance-id)"
echo "FLEET_INSTANCE=$instance" >>"$root/etc/keepwarm/fleet.env"
patiently log_in ecr
patiently docker pull "$FLEET_IMAGE"
patiently fetch_model s3
systemctl daemon-reload
systemctl enable --now keepwarm.service keepwarm-drain.service keepwarm-metrics.timer
say "started; /ping says 200 when the model is loaded"
