"""ECR: repositories, images, their tags, and the layers that a client uploads by itself."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipelines.testing.control_plane.part import Answer, ApiError, Parameters, Part, page

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass
class Image:
    """One manifest, and the tags that name it."""

    digest: str
    manifest: str
    media_type: str
    pushed: datetime
    tags: list[str] = field(default_factory=list)

    @property
    def subject(self) -> str:
        """Digest of the image that this one is attached to; empty for an image of its own."""
        found: str = json.loads(self.manifest).get("subject", {}).get("digest", "")
        return found


class Images(Part):
    """Repositories whose tags stay where they were put.

    Attributes:
        repositories: images by digest, by the repository's name.
        layers: contents that were uploaded, by digest.
    """

    service = "ecr"

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.repositories: dict[str, dict[str, Image]] = {}
        self.layers: dict[str, bytes] = {}
        self._uploads: dict[str, bytes] = {}
        self._count = itertools.count(1)

    def resources(self) -> Iterable[str]:
        for name, images in self.repositories.items():
            yield from (f"image/{name}@{digest}" for digest in images)

    def describe_images(self, parameters: Parameters) -> Answer:
        name = parameters["repositoryName"]
        if "imageIds" in parameters:
            found = [self.find(name, one) for one in parameters["imageIds"]]
        else:
            found = list(self._repository(name).values())
        rows = [self._detail(name, one) for one in found]
        return page(rows, parameters, "imageDetails", size="maxResults", token="nextToken")

    def batch_get_image(self, parameters: Parameters) -> Answer:
        name = parameters["repositoryName"]
        found = [self.find(name, one) for one in parameters["imageIds"]]
        return {"images": [self._image(name, one) for one in found], "failures": []}

    def batch_delete_image(self, parameters: Parameters) -> Answer:
        images = self._repository(parameters["repositoryName"])
        for wanted in parameters["imageIds"]:
            try:
                image = self.find(parameters["repositoryName"], wanted)
            except ApiError:
                continue
            image.tags = [tag for tag in image.tags if tag != wanted.get("imageTag")]
            if not image.tags:
                del images[image.digest]
        return {"imageIds": parameters["imageIds"], "failures": []}

    def put_image(self, parameters: Parameters) -> Answer:
        name, manifest = parameters["repositoryName"], parameters["imageManifest"]
        images, tag = self._repository(name), parameters.get("imageTag", "")
        digest = digest_of(manifest.encode())
        if parameters.get("imageDigest", digest) != digest:
            raise ApiError("ImageDigestDoesNotMatchException", f"The digest is {digest}.")
        if digest in images and (not tag or tag in images[digest].tags):
            raise ApiError("ImageAlreadyExistsException", f"Image {digest} already exists.")
        if any(tag in one.tags for one in images.values()):
            raise ApiError("ImageTagAlreadyExistsException", f"The tag {tag!r} already exists.")
        self._require_layers(manifest)
        media_type = parameters.get("imageManifestMediaType", DOCKER)
        new = images.setdefault(digest, Image(digest, manifest, media_type, self.now))
        new.tags += [tag] if tag else []
        return {"image": self._image(name, new)}

    def list_image_referrers(self, parameters: Parameters) -> Answer:
        subject = parameters["subjectId"]["imageDigest"]
        rows = [
            {
                "digest": one.digest,
                "mediaType": one.media_type,
                "artifactType": json.loads(one.manifest).get("artifactType", ""),
                "size": len(one.manifest),
            }
            for one in self._repository(parameters["repositoryName"]).values()
            if one.subject == subject
        ]
        return page(rows, parameters, "referrers", size="maxResults", token="nextToken")

    def batch_check_layer_availability(self, parameters: Parameters) -> Answer:
        self._repository(parameters["repositoryName"])
        rows = [
            {
                "layerDigest": one,
                "layerAvailability": "AVAILABLE" if one in self.layers else "UNAVAILABLE",
            }
            for one in parameters["layerDigests"]
        ]
        return {"layers": rows, "failures": []}

    def initiate_layer_upload(self, parameters: Parameters) -> Answer:
        self._repository(parameters["repositoryName"])
        upload = f"00000000-0000-0000-0000-{next(self._count):012d}"
        self._uploads[upload] = b""
        return {"uploadId": upload, "partSize": 10 << 20}

    def upload_layer_part(self, parameters: Parameters) -> Answer:
        upload, content = parameters["uploadId"], parameters["layerPartBlob"]
        self._uploads[upload] += content
        if parameters["partLastByte"] + 1 != len(self._uploads[upload]):
            raise ApiError("InvalidLayerPartException", "The part does not end where it says.")
        return {"uploadId": upload, "lastByteReceived": parameters["partLastByte"]}

    def complete_layer_upload(self, parameters: Parameters) -> Answer:
        content = self._uploads.pop(parameters["uploadId"])
        (digest,) = parameters["layerDigests"]
        if digest != digest_of(content):
            raise ApiError("InvalidLayerException", "The content has another digest.")
        self.layers[digest] = content
        return {"layerDigest": digest}

    def make(self, name: str) -> str:
        """A repository, empty; its URI."""
        self.repositories[name] = {}
        return self.uri(name)

    def push(self, name: str, tag: str) -> str:
        """What `docker push` does with a new image; its digest."""
        manifest = json.dumps({"schemaVersion": 2, "mediaType": DOCKER, "n": next(self._count)})
        parameters = {"repositoryName": name, "imageManifest": manifest, "imageTag": tag}
        answer = self.put_image(parameters)
        digest: str = answer["image"]["imageId"]["imageDigest"]
        return digest

    def find(self, name: str, wanted: Answer) -> Image:
        """The image of an imageId.

        Raises:
            ApiError: there is none, or no such repository.
        """
        for image in self._repository(name).values():
            if wanted.get("imageTag") in image.tags or wanted.get("imageDigest") == image.digest:
                return image
        raise ApiError("ImageNotFoundException", f"The image with imageId {wanted} does not exist.")

    def uri(self, name: str) -> str:
        """A repository's URI."""
        account, region = self.arn("").split(":")[4], self.arn("").split(":")[3]
        return f"{account}.dkr.ecr.{region}.amazonaws.com/{name}"

    def _repository(self, name: str) -> dict[str, Image]:
        if name not in self.repositories:
            raise ApiError(
                "RepositoryNotFoundException", f"The repository with name '{name}' does not exist."
            )
        return self.repositories[name]

    def _require_layers(self, manifest: str) -> None:
        """Those that are attached; layers of images pushed by docker are not looked at here."""
        told = json.loads(manifest)
        if "subject" not in told:
            return
        for part in (told["config"], *told["layers"]):
            if len(self.layers.get(part["digest"], b"")) != part["size"]:
                raise ApiError("LayersNotFoundException", f"Layer {part['digest']} is missing.")

    def _detail(self, name: str, image: Image) -> Answer:
        return {
            "registryId": self.arn("").split(":")[4],
            "repositoryName": name,
            "imageDigest": image.digest,
            "imageTags": list(image.tags),
            "imagePushedAt": image.pushed,
            "imageManifestMediaType": image.media_type,
        }

    def _image(self, name: str, image: Image) -> Answer:
        return {
            "registryId": self.arn("").split(":")[4],
            "repositoryName": name,
            "imageId": {"imageDigest": image.digest},
            "imageManifest": image.manifest,
            "imageManifestMediaType": image.media_type,
        }


def digest_of(content: bytes) -> str:
    """As registries name contents."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
