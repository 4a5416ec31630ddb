#!/usr/bin/env bash
# What CodeBuild runs in the folder of an image's bundle.
#
#   docker build -> try it -> push as build-N -> SBOM to S3, and beside the image -> cu130-...
#
# The tag by which the pipeline finds the image is the last thing that appears, so that what has it
# is whole. Wants REPOSITORY_URI, IMAGE_TAG, FINGERPRINT and SBOM_PREFIX.
set -euo pipefail
export BUILDX_NO_DEFAULT_ATTESTATIONS=1 # they would make an index of it, which not all can pull

host=${REPOSITORY_URI%%/*}
repository=${REPOSITORY_URI#*/}
own_tag="build-$CODEBUILD_BUILD_NUMBER"
image="$REPOSITORY_URI:$own_tag"
work=$(mktemp -d)

ecr() { aws ecr "$1" --repository-name "$repository" "${@:2}"; }

has_tag() { ecr describe-images --image-ids "imageTag=$IMAGE_TAG" >/dev/null 2>&1; }

drop_own_tag() { ecr batch-delete-image --image-ids "imageTag=$own_tag" >/dev/null; }

build() {
    docker build --pull --platform linux/amd64 \
        --build-arg "FINGERPRINT=$FINGERPRINT" --build-arg "VERSION=$IMAGE_TAG" --tag "$image" .
    # What no machine without a GPU would notice at the start, where the driver is looked at first.
    docker run --rm --network none --entrypoint python "$image" \
        -c 'import container.server, torch, transformers'
    docker run --rm --network none --entrypoint python "$image" -m container.sbom >"$work/sbom"
    printf '{}' >"$work/empty"
}

push() {
    aws ecr get-login-password | docker login --username AWS --password-stdin "$host"
    trap drop_own_tag EXIT
    docker push "$image"
    digest=$(ecr describe-images --image-ids "imageTag=$own_tag" \
        --query 'imageDetails[0].imageDigest' --output text)
    ecr batch-get-image --image-ids "imageDigest=$digest" \
        --query 'images[0].imageManifest' --output text >"$work/printed"
    printf '%s' "$(cat "$work/printed")" >"$work/manifest" # without the line's end
    if [[ $(digest_of manifest) != "$digest" ]]; then
        echo "the manifest of $digest was changed on its way here" >&2
        exit 1
    fi
    manifest_type=$(ecr batch-get-image --image-ids "imageDigest=$digest" \
        --query 'images[0].imageManifestMediaType' --output text)
}

digest_of() { echo "sha256:$(sha256sum "$work/$1" | cut -d' ' -f1)"; }

size_of() { stat --format %s "$work/$1"; }

upload() {
    local there upload_id
    there=$(ecr batch-check-layer-availability --layer-digests "$(digest_of "$1")" \
        --query 'layers[0].layerAvailability' --output text)
    [[ $there != AVAILABLE ]] || return 0
    upload_id=$(ecr initiate-layer-upload --query uploadId --output text)
    ecr upload-layer-part --upload-id "$upload_id" --part-first-byte 0 \
        --part-last-byte "$(($(size_of "$1") - 1))" --layer-part-blob "fileb://$work/$1" >/dev/null
    ecr complete-layer-upload --upload-id "$upload_id" --layer-digests "$(digest_of "$1")" >/dev/null
}

attach_sbom() {
    aws s3 cp "$work/sbom" "$SBOM_PREFIX/$FINGERPRINT.cdx.json" --only-show-errors
    upload sbom
    upload empty
    cat >"$work/attached" <<JSON
{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.manifest.v1+json",
  "artifactType": "application/vnd.cyclonedx+json",
  "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": "$(digest_of empty)", "size": 2},
  "layers": [{
    "mediaType": "application/vnd.cyclonedx+json", "digest": "$(digest_of sbom)", "size": $(size_of sbom)
  }],
  "subject": {"mediaType": "$manifest_type", "digest": "$digest", "size": $(size_of manifest)}
}
JSON
    ecr put-image --image-manifest "file://$work/attached" \
        --image-manifest-media-type application/vnd.oci.image.manifest.v1+json >/dev/null
}

give_tag() {
    ecr put-image --image-tag "$IMAGE_TAG" --image-digest "$digest" \
        --image-manifest "file://$work/manifest" \
        --image-manifest-media-type "$manifest_type" >/dev/null
}

if has_tag; then
    echo "$IMAGE_TAG is there already"
    exit 0
fi
build
push
attach_sbom
give_tag || has_tag # another build of the same files may have been quicker
echo "$IMAGE_TAG is $digest"
