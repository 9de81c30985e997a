from genwright_storage.exporters.moment import moment


def test_a_time_is_utc_and_exact_to_the_microsecond() -> None:
    assert moment(1_000_000_000_123_456_789).isoformat() == "2001-09-09T01:46:40.123456+00:00"
