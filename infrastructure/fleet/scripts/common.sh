# What the other scripts share: settings, the instance's metadata, the container's own numbers.
# shellcheck shell=bash

root="${KEEPWARM_FLEET_ROOT:-}"
imds_url="${KEEPWARM_FLEET_IMDS:-http://169.254.169.254}"
server_url="${KEEPWARM_FLEET_SERVER:-http://127.0.0.1:8080}"
# shellcheck source=/dev/null
. "$root/etc/keepwarm/fleet.env"

say() {
    echo "keepwarm: $*"
}

# One value of the instance's metadata, by IMDSv2; fails where it does not exist.
metadata() {
    local token
    token="$(curl -sf -m 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
        "$imds_url/latest/api/token")" || return 1
    curl -sf -m 5 -H "X-aws-ec2-metadata-token: $token" "$imds_url/latest/meta-data/$1"
}

# The sum of some of the container's gauges; fails where it does not answer.
gauges() {
    local text
    text="$(curl -sf -m 5 "$server_url/metrics")" || return 1
    awk -v wanted=" $* " '
        index(wanted, " " $1 " ") { sum += $2 }
        END { printf "%.6g\n", sum }
    ' <<<"$text"
}

in_flight() {
    gauges keepwarm:num_requests_running keepwarm:num_requests_waiting
}
