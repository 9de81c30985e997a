from genwright.query import Query
from genwright.scan import scan
from genwright.testing.stores import make_record, make_run


def test_the_slow_way_looks_at_what_was_there_when_it_began() -> None:
    run = make_run()
    samples = [make_record(run, index) for index in range(5)]
    first = next(scan(Query(), samples[:3], [], {run.id: run}))
    rest = scan(Query(after=first.cursor), samples, [], {run.id: run})
    assert [first.record.index, *(hit.record.index for hit in rest)] == [2, 1, 0]
