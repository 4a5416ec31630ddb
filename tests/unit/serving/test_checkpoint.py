"""What a model folder must look like; everything else is refused before anything heavy starts."""

import pytest

from serving.checkpoint import check_folder
from serving.errors import ConfigError, UnsupportedModel


def folder_with(path, *names):
    for name in names:
        (path / name).write_text("{}")
    return str(path)


def test_a_folder_with_config_and_safetensors_is_taken(tmp_path):
    assert check_folder(folder_with(tmp_path, "config.json", "model.safetensors")) == tmp_path


def test_sharded_weights_are_taken(tmp_path):
    path = folder_with(
        tmp_path, "config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json"
    )
    assert check_folder(path) == tmp_path


def test_pickles_beside_safetensors_do_not_matter(tmp_path):
    path = folder_with(tmp_path, "config.json", "model.safetensors", "pytorch_model.bin")
    assert check_folder(path) == tmp_path


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere.*does not exist"):
        check_folder(str(tmp_path / "nowhere"))


def test_a_file_is_no_folder(tmp_path):
    folder_with(tmp_path, "model.gguf")
    with pytest.raises(ConfigError, match="does not exist"):
        check_folder(str(tmp_path / "model.gguf"))


@pytest.mark.parametrize("names", [(), ("model.safetensors",)])
def test_a_folder_without_config(tmp_path, names):
    with pytest.raises(ConfigError, match=r"config\.json"):
        check_folder(folder_with(tmp_path, *names))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth"])
def test_pickles_alone_are_refused_with_the_way_to_convert_them(tmp_path, name):
    with pytest.raises(UnsupportedModel, match="safe_serialization=True") as caught:
        check_folder(folder_with(tmp_path, "config.json", name))
    assert name in caught.value.message


@pytest.mark.parametrize("names", [(), ("model.safetensors.index.json",)])
def test_a_folder_without_weights(tmp_path, names):
    with pytest.raises(ConfigError, match=r"no \*\.safetensors"):
        check_folder(folder_with(tmp_path, "config.json", *names))
