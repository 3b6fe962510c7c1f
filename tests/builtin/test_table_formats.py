"""Tables that are no text with delimiters: JSON, Parquet, spreadsheets."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


def fields(recording):
    return recording.path.name, recording.label, recording.speaker


def test_json_lines_and_a_list_of_objects_are_read(read):
    rows = [
        {"file_name": "1.wav", "label": "fear", "speaker_id": 7},
        {"label": "joy", "file_name": "2.wav", "speaker_id": 8, "text": None},
    ]
    expected = [("1.wav", "fear", "7"), ("2.wav", "joy", "8")]
    lines = "\n".join(json.dumps(row) for row in rows)
    assert list(map(fields, read(lines, "metadata.jsonl"))) == expected
    again = read(json.dumps(rows), "metadata.jsonl")
    assert list(map(fields, again)) == expected


def parquet(tmp_path, columns, metadata=None):
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "mine.parquet")
    return (tmp_path / "mine.parquet").read_bytes()


def test_parquet_is_read(read, tmp_path):
    columns = {"file": ["1.wav", "2.wav"], "emotion": ["fear", "joy"], "speaker": [7, 8]}
    found = read(parquet(tmp_path, columns), "mine.parquet")
    assert list(map(fields, found)) == [("1.wav", "fear", "7"), ("2.wav", "joy", "8")]


def test_numbers_of_classes_in_a_hugging_face_table_become_names(read, tmp_path):
    features = {"label": {"names": ["anger", "fear"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    columns = {"path": ["1.wav", "2.wav"], "label": [1, 0], "speaker": ["a", "b"]}
    found = read(parquet(tmp_path, columns, metadata), "mine.parquet")
    assert [each.label for each in found] == ["fear", "anger"]


@pytest.mark.parametrize(("content", "usable"), [(b"RIFF", False), (None, True)])
def test_recordings_inside_of_a_parquet_table_are_left_out_with_the_reason(
    read, tmp_path, content, usable
):
    audio = [{"bytes": content, "path": "1.wav"}]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {"audio": pa.array(audio, kind), "label": ["fear"], "speaker": ["a"]}
    (found,) = read(parquet(tmp_path, columns), "mine.parquet")
    assert (found.path.name, found.excluded is None) == ("1.wav", usable)


@pytest.mark.parametrize("name", ["mine.xlsx", "mine.XLS", "mine.ods"])
def test_a_spreadsheet_is_refused_with_the_remedy(refused, name):
    assert "CSV" in refused(b"PK", name).detail


def test_a_file_that_only_is_named_parquet_is_refused(refused):
    assert refused(b"nothing", "mine.parquet").path.name == "mine.parquet"
