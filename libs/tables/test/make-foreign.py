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

# What a list, a map or a struct holds is as exact as a column of its own.
nested = pa.table(
    {
        "shares": pa.array([[decimal.Decimal("0.3"), decimal.Decimal("0.7")], None], pa.list_(pa.decimal128(5, 1))),
        "clocks": pa.array([[datetime.time(1, 2, 3)], []], pa.list_(pa.time64("us"))),
        "words": pa.array([[("a", 1), ("__proto__", 2)], []], pa.map_(pa.string(), pa.int64())),
        "runs": pa.array([{"at": [datetime.date(2026, 11, 27)], "by": [("x", decimal.Decimal("0.3"))]}, None],
                         pa.struct([("at", pa.list_(pa.date32())), ("by", pa.map_(pa.string(), pa.decimal128(5, 1)))])),
        "long": pa.array([decimal.Decimal("0.30000000000000004"), decimal.Decimal("-0.1")], pa.decimal128(17, 17)),
    }
)
pq.write_table(nested, Path(__file__).parent / "nested.parquet")
refused = pa.table(
    {
        "far": pa.array([2**63 - 1], pa.timestamp("us")),
        "day": pa.array([2**31 - 1], pa.date32()),
        "money": pa.array([decimal.Decimal("12345678901234567890.12")], pa.decimal128(30, 2)),
        "inf": pa.array([[float("inf")]], pa.list_(pa.float64())),
        "twice": pa.array([[("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int64())),
        "json": pa.array(['{"a": 1, "a": 2}'], pa.json_()),
        "wide": pa.array(['{"a": 12345678901234567890}'], pa.json_()),
        "fixed": pa.array([b"abcd"], pa.binary(4)),
        "text": pa.array(["as ever"]),
    }
)
pq.write_table(refused, Path(__file__).parent / "refused.parquet")
noon = datetime.datetime(2026, 11, 27, 12)
times = pa.table(
    {
        "naive": pa.array([noon], pa.timestamp("us")),
        "utc": pa.array([noon], pa.timestamp("ms", "UTC")),
        "oslo": pa.array([noon], pa.timestamp("us", "Europe/Oslo")),
        "all": pa.array([[noon]], pa.list_(pa.timestamp("us"))),
    }
)
pq.write_table(times, Path(__file__).parent / "times.parquet")
