from __future__ import annotations

from genwright.metrics import Report, Value


def test_a_value_is_written_with_its_error() -> None:
    assert str(Value(value=0.123456)) == "0.1235"
    assert str(Value(value=0.5, error=0.0123)) == "0.5 ± 0.01"
    assert f"{Value(value=0.5, error=0.02):.3f}" == "0.500 ± 0.02"


REPORT = Report(
    title="10 samples",
    values={"valid": Value(value=0.9, count=10), "near": Value(value=0.25, error=0.1, count=9)},
    reference="known",
    baseline={"valid": Value(value=1.0)},
)


def test_a_report_is_a_table() -> None:
    assert list(REPORT) == ["valid", "near"]
    assert REPORT["near"].value == 0.25
    assert REPORT.rows() == [("valid", "0.9", "1"), ("near", "0.25 ± 0.1", "")]
    assert str(REPORT).split("\n") == [
        "       10 samples  reference known",
        "valid  0.9         1",
        "near   0.25 ± 0.1",
    ]


def test_a_report_without_a_baseline_has_no_column_for_it() -> None:
    assert str(Report(title="1 sample", values={"valid": Value(value=1.0)})) == "       1 sample\nvalid  1"


def test_a_report_says_what_was_compared_with() -> None:
    report = Report(
        title="1 sample",
        values={"new": Value(value=1.0)},
        reference="known",
        remarks={"new": "compared with more."},
    )
    assert str(report).split("\n")[2:] == ["The reference is known.", "new: compared with more."]


def test_a_report_is_plain_data() -> None:
    assert REPORT.to_json() == {
        "valid": {"value": 0.9, "error": None, "count": 10},
        "near": {"value": 0.25, "error": 0.1, "count": 9},
    }
