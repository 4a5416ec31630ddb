#!/bin/bash
# The container as SageMaker would run it: same command, model read-only, nothing else of the host.
set -euo pipefail
# shellcheck source=common.sh
. "${KEEPWARM_FLEET_ROOT:-}/opt/keepwarm/bin/common.sh"

exec docker run --rm --name keepwarm --gpus all \
    --publish 8080:8080 \
    --volume "$root/opt/keepwarm/model:/opt/ml/model:ro" \
    --env-file "$root/etc/keepwarm/container.env" --env "KEEPWARM_INSTANCE_ID=$FLEET_INSTANCE" \
    --user 1000 --cap-drop ALL --security-opt no-new-privileges \
    --read-only --tmpfs /tmp:exec --shm-size 1g \
    --log-driver awslogs --log-opt "awslogs-region=$FLEET_REGION" \
    --log-opt "awslogs-group=$FLEET_LOGS" --log-opt "awslogs-stream=$FLEET_INSTANCE" \
    "$FLEET_IMAGE" serve
