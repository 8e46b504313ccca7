"""The results page: markers, twice is once, and what stands around them stays."""

import json

import pytest

from skyloom.evals import report


def test_putting_twice_is_putting_once():
    once = report.put("# Results\n\nby hand\n", "speed", "a table")
    assert report.put(once, "speed", "a table") == once
    assert once.startswith("# Results\n\nby hand\n") and once.count("<!-- BEGIN speed -->") == 1


def test_a_table_replaces_only_itself():
    page = report.put(report.put("head\n", "a", "first"), "b", "second") + "\ntail by hand\n"
    new = report.put(page, "a", "third")
    assert "first" not in new and "third" in new and "second" in new and new.endswith("\ntail by hand\n")


def test_a_lone_marker_is_an_error():
    with pytest.raises(ValueError, match="markers of 'a'"):
        report.put("text <!-- BEGIN a --> text", "a", "table")


def test_a_section_says_what_it_takes_to_believe_it(tmp_path):
    about = report.circumstances("skyloom eval speed --n 8", 3, "abc")
    path = report.publish(tmp_path, "speed", report.table(["a", "b"], [["1", "2"]]), about)
    report.publish(tmp_path, "speed", "| again |", about)
    page = path.read_text(encoding="utf-8")
    for part in ("## Speed and memory", "`skyloom eval speed --n 8`", "seed 3", about["date"], about["machine"], "weights abc"):
        assert part in page
    assert "| again |" in page and "| 1 | 2 |" not in page
    saved = json.loads(report.save(tmp_path, "speed", {"rows": []}, about).read_text())
    assert saved["about"]["seed"] == 3 and saved["rows"] == []
