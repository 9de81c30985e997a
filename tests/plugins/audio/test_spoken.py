from genwright_audio.spoken import WORDS


def test_there_is_a_word_for_each_digit() -> None:
    """That clips say it is tested where they are read, in test_readers.py."""
    assert (len(WORDS), WORDS[0], WORDS[7]) == (10, "zero", "seven")
