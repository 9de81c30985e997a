from __future__ import annotations

from genwright_audio import plugin


def test_there_is_one_domain_of_sounds() -> None:
    (domain,) = plugin.register_domains()
    assert (domain.name, domain.encoder) == ("audio", "mel")


def test_names_of_encoders_and_data_sets_are_known() -> None:
    assert [spec.name for spec in plugin.register_encoders()] == ["waveform", "mu-law", "mel", "codec"]
    assert [spec.name for spec in plugin.register_datasets()] == ["fsdd", "fsdd-test", "one-shots", "ljspeech32"]


def test_every_data_set_says_its_licence_and_digest() -> None:
    for spec in plugin.register_datasets():
        assert spec.licence
        assert len(spec.sha256) == 64
