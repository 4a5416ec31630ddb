"""Settings: read from the environment, validated once, refused with variable, value and remedy."""

import dataclasses

import pytest

from serving.config import CacheConfig, EngineConfig, SchedulerConfig
from serving.errors import ConfigError


def from_env(**env):
    return EngineConfig.from_env("folder", env)


def settings_of(cls):
    return [item for item in dataclasses.fields(cls) if "env" in item.metadata]


ALL_SETTINGS = [
    item for cls in (EngineConfig, CacheConfig, SchedulerConfig) for item in settings_of(cls)
]


class TestReading:
    def test_an_empty_environment_gives_the_defaults(self):
        assert from_env() == EngineConfig(model="folder")

    def test_every_part_is_read(self):
        config = from_env(
            KEEPWARM_DEVICE="cuda:1",
            KEEPWARM_STALL_AFTER_SECONDS="2.5",
            KEEPWARM_BLOCK_SIZE="32",
            KEEPWARM_PREFIX_CACHING="off",
            KEEPWARM_MAX_NUM_SEQS="7",
        )
        assert (config.device, config.stall_after_s) == ("cuda:1", 2.5)
        assert (config.cache.block_size, config.cache.prefix_caching) == (32, False)
        assert config.scheduler.max_num_seqs == 7

    def test_an_empty_variable_is_as_good_as_none(self):
        assert from_env(KEEPWARM_BLOCK_SIZE="", KEEPWARM_DTYPE="") == from_env()

    def test_variables_of_others_are_left_alone(self):
        assert from_env(KEEPWARM_SOMETHING_ELSE="1", PATH="/bin") == from_env()

    @pytest.mark.parametrize("text", ["1", "true", "TRUE", "yes", "on"])
    def test_ways_to_say_yes(self, text):
        assert from_env(KEEPWARM_PREFIX_CACHING=text).cache.prefix_caching is True

    @pytest.mark.parametrize("text", ["0", "false", "False", "no", "off"])
    def test_ways_to_say_no(self, text):
        assert from_env(KEEPWARM_PREFIX_CACHING=text).cache.prefix_caching is False

    def test_the_engine_process_reads_back_what_was_sent(self):
        config = from_env(KEEPWARM_BLOCK_SIZE="32", KEEPWARM_MAX_WAITING="0", KEEPWARM_DEVICE="cpu")
        assert EngineConfig.from_json(config.to_json()) == config

    def test_settings_cannot_be_changed_afterwards(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            from_env().cache.block_size = 1

    @pytest.mark.parametrize("item", ALL_SETTINGS, ids=lambda item: item.metadata["env"])
    def test_every_setting_has_a_variable_of_ours_and_a_sentence(self, item):
        assert item.metadata["env"].startswith("KEEPWARM_")
        assert len(item.metadata["help"]) > 5

    def test_no_variable_is_used_twice(self):
        names = [item.metadata["env"] for item in ALL_SETTINGS]
        assert len(set(names)) == len(names)


class TestRefusals:
    """Each message names the variable, the value, and what would be right."""

    @pytest.mark.parametrize(
        ("name", "value", "remedy"),
        [
            ("KEEPWARM_BLOCK_SIZE", "sixteen", "a whole number"),
            ("KEEPWARM_BLOCK_SIZE", "16.0", "a whole number"),
            ("KEEPWARM_BLOCK_SIZE", "-1", "0 or more"),
            ("KEEPWARM_NUM_BLOCKS", "-5", "0 or more"),
            ("KEEPWARM_KV_CACHE_GIB", "lots", "a number"),
            ("KEEPWARM_KV_CACHE_GIB", "nan", "0 or more"),
            ("KEEPWARM_KV_CACHE_GIB", "inf", "0 or more"),
            ("KEEPWARM_GPU_MEMORY_UTILIZATION", "0", "(0, 1]"),
            ("KEEPWARM_GPU_MEMORY_UTILIZATION", "90", "(0, 1]"),
            ("KEEPWARM_PREFIX_CACHING", "maybe", "true or false"),
            ("KEEPWARM_MAX_NUM_SEQS", "0", "1 or more"),
            ("KEEPWARM_TOKEN_BUDGET", "-1", "0 or more"),
            ("KEEPWARM_LONG_PREFILL_SHARE", "0", "(0, 1]"),
            ("KEEPWARM_LONG_PREFILL_SHARE", "1.5", "(0, 1]"),
            ("KEEPWARM_LONG_PREFILL_SHARE", "nan", "(0, 1]"),
            ("KEEPWARM_MAX_WAITING", "-1", "0 or more"),
            ("KEEPWARM_MAX_MODEL_LEN", "-1", "0 or more"),
            ("KEEPWARM_DTYPE", "float8", "bfloat16"),
            ("KEEPWARM_DEVICE", "tpu", "cuda"),
            ("KEEPWARM_BACKEND", "vllm", "generate"),
            ("KEEPWARM_ATTENTION", "flash", "reference"),
            ("KEEPWARM_NUM_THREADS", "-2", "0 or more"),
            ("KEEPWARM_STALL_AFTER_SECONDS", "0", "above 0"),
            ("KEEPWARM_STALL_AFTER_SECONDS", "nan", "above 0"),
        ],
    )
    def test_a_wrong_value(self, name, value, remedy):
        with pytest.raises(ConfigError) as caught:
            from_env(**{name: value})
        message = caught.value.message
        assert name in message
        assert value in message
        assert remedy in message

    @pytest.mark.parametrize("device", ["cuda:banana", "cuda:", "cuda:-1", "cpu:fast", "auto:1"])
    def test_a_device_that_cannot_be(self, device):
        with pytest.raises(ConfigError, match="KEEPWARM_DEVICE"):
            from_env(KEEPWARM_DEVICE=device)
