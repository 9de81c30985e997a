from contextlib import closing
from pathlib import Path

from genwright_storage.search import fulltext, postings
from genwright_storage.search.texts import text_index, trigrams
from genwright_storage.store import SQLStore


def test_each_database_has_an_index_of_its_own(tmp_path: Path, team_url: str) -> None:
    for url, index in ((f"sqlite:///{tmp_path / 'store'}", fulltext), (team_url, postings)):
        with closing(SQLStore(url)) as store, store.database.reading() as connection:
            assert text_index(connection) is index


def test_letters_are_taken_three_at_a_time_without_nul() -> None:
    assert trigrams("abcab") == ["abc", "bca", "cab"]
    assert trigrams("ab") == trigrams("") == trigrams("a\0b\0c") == []
    assert trigrams("日本語x") == ["日本語", "本語x"]
    long = trigrams("".join(chr(0x4E00 + n) for n in range(20_000)))
    assert 30 < len(long) < 50
