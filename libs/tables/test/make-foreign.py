"""Writes the files of another writer (pyarrow) that the tests read: types, numbers and codecs that ours never writes."""

import datetime
import decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

table = pa.table(
    {
        "id": pa.array([1, 2, None], pa.int64()),
        "small": pa.array([1, -2, 3], pa.int16()),
        "unsigned": pa.array([4294967295, 0, None], pa.uint32()),
        "text": pa.array(["a", "", None]),
        "category": pa.array(["x", "y", "x"]).dictionary_encode(),
        "half": pa.array([0.5, float("nan"), None], pa.float32()),
        "price": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-3.50")], pa.decimal128(8, 2)),
        "day": pa.array([datetime.date(2026, 11, 23), None, datetime.date(1969, 12, 31)]),
        "time": pa.array([datetime.datetime(2026, 11, 23, 4, 30), None, datetime.datetime(2000, 1, 1)], pa.timestamp("us")),
        "flag": pa.array([True, None, False]),
        "tokens": pa.array([[1, 2, 3], [], None], pa.list_(pa.int64())),
        "holes": pa.array([[1, None], [], None], pa.list_(pa.int32())),
        "words": pa.array([["a", "b"], None, []], pa.list_(pa.string())),
        "prompt": pa.array(
            [{"text": "hi", "scores": {"toxicity": 0.25}}, {"text": None, "scores": None}, None],
            pa.struct([("text", pa.string()), ("scores", pa.struct([("toxicity", pa.float64())]))]),
        ),
        "people": pa.array([[{"name": "a", "n": 1}], [], None], pa.list_(pa.struct([("name", pa.string()), ("n", pa.int32())]))),
    }
)
pq.write_table(table, Path(__file__).parent / "foreign.parquet", row_group_size=2, compression="snappy")

# Numbers that are easily changed on the way in, each column compressed in another way.
exact = pa.table(
    {
        "hash": pa.array([2**64 - 1, None, 5], pa.uint64()),
        "count": pa.array([2**40, None, 5], pa.uint64()),
        "micro": pa.array([1704070923456789, None, -1], pa.timestamp("us")),
        "nano": pa.array([1704070923456789012, None, 0], pa.timestamp("ns")),
        "clock": pa.array([datetime.time(12, 30, 0, 7), None, datetime.time(0, 0)]),
        "price": pa.array([decimal.Decimal("0.57"), None, decimal.Decimal("-1.10")], pa.decimal128(10, 2)),
    }
)
codecs = dict(zip(exact.column_names, ["zstd", "lz4", "brotli", "gzip", "snappy", "none"]))
pq.write_table(exact, Path(__file__).parent / "exact.parquet", compression=codecs)
pq.write_table(
    pa.table({"text": ["a", "b"], "image": [b"\xff\xd8", None]}), Path(__file__).parent / "bytes.parquet", compression="zstd"
)
