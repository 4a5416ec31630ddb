"""The queues of what nobody could do."""

from __future__ import annotations

from tests.support.chat_boxes import chat_templates


def test_both_queues_are_encrypted_and_keep_letters_for_two_weeks():
    queues = chat_templates().chat.of_type("AWS::SQS::Queue")
    assert len(queues) == 2
    for queue in queues:
        assert "KeysData" in str(queue["KmsMasterKeyId"])
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_nothing_gets_in_without_tls():
    policies = chat_templates().chat.of_type("AWS::SQS::QueuePolicy")
    assert len(policies) == 2
    for policy in policies:
        (refusal,) = policy["PolicyDocument"]["Statement"]
        assert refusal["Effect"] == "Deny"
        assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
