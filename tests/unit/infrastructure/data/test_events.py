"""The stream of telemetry."""

from __future__ import annotations

from tests.support.chat_boxes import chat_templates


def test_the_stream_grows_by_itself_is_encrypted_and_keeps_records_for_as_long_as_set():
    stream = chat_templates().data.only("AWS::Kinesis::Stream")
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert stream["StreamEncryption"]["EncryptionType"] == "KMS"
    assert "KeysData" in str(stream["StreamEncryption"]["KeyId"])
    assert stream["RetentionPeriodHours"] == chat_templates().stage.events.retention_hours
