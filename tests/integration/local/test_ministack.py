from __future__ import annotations

import socket
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local import ministack as module
from local.ministack import EmulatorMissing, client, ministack, ministack_command
from tests.support.aws_local import AwsLocal, aws_local


def test_the_stores_of_the_project_answer():
    with aws_local() as aws:
        bucket, stream = aws.bucket("texts"), aws.stream(shards=2)
        aws.client("s3").put_object(Bucket=bucket, Key="a", Body=b"text")
        aws.client("kinesis").put_record(StreamName=stream, PartitionKey="p", Data=b"one")
        assert aws.client("s3").get_object(Bucket=bucket, Key="a")["Body"].read() == b"text"
        assert aws.records(stream) == [b"one"]
        assert aws.client("dynamodb").list_tables()["TableNames"] == []
        assert aws.client("cloudwatch").list_metrics()["Metrics"] == []


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="asks Linux who listens")
def test_it_listens_on_loopback_alone():
    with ministack() as url:
        port = urlsplit(url).port
        assert urlsplit(url).hostname == "127.0.0.1"
        assert listening(port) == {"127.0.0.1"}


def test_it_is_gone_after_the_block():
    with ministack() as url:
        port = urlsplit(url).port
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


def test_state_is_kept_where_a_folder_is_given(tmp_path: Path):
    with ministack(data=tmp_path) as url:
        client("s3", url).create_bucket(Bucket="texts")
        client("s3", url).put_object(Bucket="texts", Key="a/b", Body=b"text")
        client("kinesis", url).create_stream(StreamName="events", ShardCount=1)
        client("kinesis", url).put_record(StreamName="events", PartitionKey="p", Data=b"one")
        table = {"AttributeName": "PK", "KeyType": "HASH"}
        client("dynamodb", url).create_table(
            TableName="table",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[table],
            AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        )
        client("dynamodb", url).put_item(TableName="table", Item={"PK": {"S": "x"}})
    with ministack(data=tmp_path) as url:
        assert client("s3", url).get_object(Bucket="texts", Key="a/b")["Body"].read() == b"text"
        assert AwsLocal(url).records("events") == [b"one"]
        item = client("dynamodb", url).get_item(TableName="table", Key={"PK": {"S": "x"}})
        assert item["Item"] == {"PK": {"S": "x"}}


def test_a_port_that_somebody_else_took_is_not_the_end(monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = module._free_port
        ports = iter([taken.getsockname()[1], free()])
        monkeypatch.setattr(module, "_free_port", lambda: next(ports))
        with ministack() as url:
            assert urlsplit(url).port != taken.getsockname()[1]
            with urllib.request.urlopen(f"{url}/_ministack/health") as answer:
                assert answer.status == 200


def test_its_absence_is_told_with_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmulatorMissing, match="make emulators"):
        ministack_command()


def listening(port: int | None) -> set[str]:
    """Addresses on which anybody listens at the port, of IPv4 and IPv6."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            address, hexadecimal = fields[1].split(":")
            if fields[3] == "0A" and int(hexadecimal, 16) == port:
                found.add(_dotted(address))
    return found


def _dotted(address: str) -> str:
    if len(address) != 8:
        return address
    return socket.inet_ntoa(bytes.fromhex(address)[::-1])
