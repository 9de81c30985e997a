from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from genwright.errors import MismatchError, PluginError, UnknownName
from genwright.registry import Plugin, Registry, discover, registry
from genwright.specs import BackboneSpec, DomainSpec, EncoderSpec, FamilySpec, SamplerSpec, Spec

Install = Callable[..., None]

HEAD = """
from genwright.hooks import hookimpl
from genwright.specs import *
"""
AUDIO = (
    HEAD
    + """
@hookimpl
def register_domains():
    yield DomainSpec(name="audio", target="genwright_absent.domain:Audio", summary="sound", encoder="mel",
                     media_type="audio/wav")

@hookimpl
def register_encoders():
    return [EncoderSpec(name="mel", target="genwright_absent.mel:Mel", summary="bands", domain="audio",
                        space="continuous")]
"""
)


def plugin(name: str) -> Plugin:
    (found,) = [plugin for plugin in discover().plugins if plugin.name == name]
    return found


def trouble(name: str) -> str:
    found = plugin(name)
    assert found.trouble is not None
    assert found.specs == ()
    return found.trouble


def test_core_is_the_first_plugin() -> None:
    first = registry().plugins[0]
    assert (first.name, first.distribution, first.trouble) == ("core", "genwright-core", None)
    assert registry().get("family", "autoregressive").origin == first.origin


def test_the_registry_is_made_once() -> None:
    assert registry() is registry()


def test_an_installed_plugin_contributes_its_specs_with_their_origin(install: Install) -> None:
    install("audio", AUDIO)
    found = discover()
    assert found.get("domain", "audio").encoder == "mel"
    assert found.get("encoder", "mel").origin == "genwright-audio 0.3.1"
    assert plugin("audio").trouble is None
    assert "genwright_absent" not in sys.modules


def test_plugins_come_after_core_by_name(install: Install) -> None:
    for name in ("zebra", "audio", "boats"):
        install(name, HEAD + "@hookimpl\ndef register_stores():\n    return []\n")
    names = [plugin.name for plugin in discover().plugins]
    assert [name for name in names if name in ("core", "zebra", "audio", "boats")] == [
        "core",
        "audio",
        "boats",
        "zebra",
    ]


def test_specs_are_in_order_of_their_names(install: Install) -> None:
    names = [spec.name for spec in discover().specs("sampler")]
    assert names == sorted(names)
    assert "top-p" in names


def test_an_unknown_name_is_met_with_near_ones_and_the_plugins_that_were_refused(install: Install) -> None:
    install("audio", "raise RuntimeError('no sound card')")
    with pytest.raises(
        UnknownName,
        match=r"no sampler named 'top_p'. Did you mean 'top-p'.*Plugins that were refused: audio; see: genwright pl",
    ):
        discover().get("sampler", "top_p")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_module", r"cannot be imported: ModuleNotFoundError: No module named 'no_such_module'\."),
        ("def broken(:", r"cannot be imported: SyntaxError: "),
        ("raise RuntimeError('a\\nb')", r"cannot be imported: RuntimeError: a b\."),
        ("import sys; sys.exit(3)", r"cannot be imported: SystemExit: 3\."),
        ("class Odd(BaseException): pass\nraise Odd", r"cannot be imported: Odd\."),
        ("", r"implements no hook\. Its entry point must name the module that holds them\."),
        (
            HEAD + "@hookimpl\ndef register_domain():\n    return []",
            r"implements register_domain, which is not a hook\. Did you mean register_domains\?",
        ),
        (
            HEAD + "@hookimpl\ndef zzz():\n    return []",
            r"implements zzz, which is not a hook\. Hooks: register_domains, .*on_run_finished\.",
        ),
        ("def register_domains():\n    return []", r"its register_domains is not marked as a hook\. Write @hookimpl"),
        (HEAD + "@hookimpl\ndef on_step(run, stride):\n    ...", r"takes other arguments than it declares: .*stride"),
        (HEAD + "@hookimpl\ndef register_domains():\n    1 / 0", r"register_domains must return specs; it raised Zero"),
        (
            HEAD + "@hookimpl\ndef register_domains():\n    return 7",
            r"register_domains must return specs; it raised Type",
        ),
        (HEAD + "@hookimpl\ndef register_domains():\n    return ['x']", r"must return DomainSpecs; got a str\."),
        (
            HEAD + "@hookimpl\ndef register_domains():\n    yield StoreSpec(name='x', target='a:b', summary='')",
            r"register_domains must return DomainSpecs; got a StoreSpec\.",
        ),
        (
            HEAD + "@hookimpl\ndef register_stores():\n    yield StoreSpec(name='My Store', target='a:b', summary='')",
            r"the name of a store is lower-case words, joined by '-', '_' or '\.'; got 'My Store'\.",
        ),
        (
            HEAD + "@hookimpl\ndef register_stores():\n    yield StoreSpec(name='x', target='a.b', summary='')",
            r"the target of store 'x' is \"package\.module:Name\"; got 'a\.b'\.",
        ),
        (
            HEAD
            + "@hookimpl\ndef register_models():\n    yield ModelSpec(name='m', target='a:b', summary='', domain='m')",
            r"the name of a model is \"domain/name\", joined by",
        ),
        (
            HEAD + "@hookimpl\ndef register_models():\n"
            "    yield ModelSpec(name='b/m', target='a:b', summary='', domain='a')",
            r"model 'b/m' is of a, so its name starts with 'a/'\.",
        ),
        (
            HEAD + "@hookimpl\ndef register_samplers():\n"
            "    yield SamplerSpec(name='x', target='a:b', summary='', reads='entrails')",
            r"option 'reads' of sampler 'x' takes one of 'next-token', .*, 'decoder' or one of '\*'; got 'entrails'\.",
        ),
        (
            HEAD + "@hookimpl\ndef register_families():\n    yield FamilySpec(name='x', target='a:b', summary='',"
            " spaces=('tokens',), reads='decoder', roles={'network': 'casual'})",
            r"'roles' of family 'x' takes a table, each value one of 'causal', .*; got {'network': 'casual'}\.",
        ),
        *(
            (HEAD + f"@hookimpl\ndef {hook}():\n    yield {spec}", reason)
            for hook, spec, reason in [
                (
                    "register_commands",
                    "CommandSpec(name='x', target='a:b', summary=None)",
                    r"option 'summary' of command 'x' takes text; got None\.",
                ),
                (
                    "register_stores",
                    "StoreSpec(name='x', target='a:b', summary='', version='two')",
                    r"option 'version' of store 'x' takes a whole number; got 'two'\.",
                ),
                (
                    "register_exporters",
                    "ExporterSpec(name='x', target='a:b', summary='', endings=('csv',))",
                    r'an ending of exporter \'x\' is lower-case, such as "\.csv\.gz"; got \'csv\'\.',
                ),
                (
                    "register_exporters",
                    "ExporterSpec(name='x', target='a:b', summary='', endings=('.CSV',))",
                    r"an ending of exporter 'x' is lower-case, .* got '\.CSV'\.",
                ),
                (
                    "register_exporters",
                    "ExporterSpec(name='x', target='a:b', summary='', endings='.a')",
                    r"option 'endings' of exporter 'x' takes several values, each text; got '\.a'",
                ),
                (
                    "register_exporters",
                    "ExporterSpec(name='x', target='a:b', summary='', endings=('.csv.gz',))",
                    r"format of files in '\.csv\.gz' of genwright-bad 0\.3\.1 is already that of genwright-core",
                ),
                (
                    "register_datasets",
                    "DatasetSpec(name='x', target='a:b', summary='', domain='d', url=None, sha256='', "
                    "licence='', rows=1)",
                    r"option 'url' of dataset 'x' takes text; got None\.",
                ),
                (
                    "register_encoders",
                    "EncoderSpec(name='x', target='a:b', summary='', domain='d', space='words')",
                    r"option 'space' of encoder 'x' takes one of 'tokens', 'continuous'; got 'words'\.",
                ),
            ]
        ),
        (
            HEAD + "@hookimpl\ndef register_models():\n    for name in ('m/a', 'm/b'):\n"
            "        yield ModelSpec(name=name, target='a:b', summary='', domain='m', default=True)",
            r"default model of 'm' of genwright-bad 0\.3\.1 is already that of genwright-bad 0\.3\.1\. Uninstall",
        ),
        (
            HEAD + "@hookimpl\ndef register_stores():\n    for _ in range(2):\n"
            "        yield StoreSpec(name='x', target='a:b', summary='')",
            r"store 'x' of genwright-bad 0\.3\.1 is already that of genwright-bad 0\.3\.1\. Uninstall one of them\.",
        ),
    ],
)
def test_a_broken_plugin_is_kept_with_its_reason(install: Install, code: str, reason: str) -> None:
    install("bad", code)
    install("audio", AUDIO)
    assert re.search(reason, trouble("bad"), re.DOTALL), trouble("bad")
    assert plugin("audio").trouble is None


def test_a_keyboard_interrupt_while_plugins_load_is_the_users(install: Install) -> None:
    install("slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        discover()


def test_nothing_of_a_refused_plugin_is_kept(install: Install) -> None:
    install("audio", AUDIO + "\n@hookimpl\ndef register_stores():\n    raise OSError('x')\n")
    found = discover()
    assert "audio" not in found.hooks
    with pytest.raises(UnknownName):
        found.get("domain", "audio")


def test_a_name_that_is_taken_refuses_the_later_plugin_whole(install: Install) -> None:
    install("audio", AUDIO)
    install("sound", AUDIO.replace('name="audio"', 'name="sound"'), version="2.0")
    assert trouble("sound") == (
        "encoder 'mel' of genwright-sound 2.0 is already that of genwright-audio 0.3.1. Uninstall one of them."
    )
    assert discover().get("encoder", "mel").origin == "genwright-audio 0.3.1"


METRICS = """
    from genwright.hooks import hookimpl
    from genwright.specs import MetricSpec

    @hookimpl
    def register_metrics():
        yield MetricSpec(name="distance", target="a:b", summary="", domain={domain!r})
"""


def test_metrics_of_two_domains_may_have_one_name(install: Install) -> None:
    """The plugin of sounds once shut out that of images, which also has a kernel distance."""
    install("sounds", METRICS.format(domain="sounds"))
    install("smells", METRICS.format(domain="smells"))
    found = discover()
    assert [plugin(name).trouble for name in ("smells", "sounds")] == [None, None]
    assert sorted(spec.domain for spec in found.specs("metric") if spec.name == "distance") == ["smells", "sounds"]
    for domain in ("smells", "sounds"):
        found.check_domain("metric", "distance", domain)
        assert found.of_domain("metric", domain)["distance"].domain == domain
    with pytest.raises(MismatchError, match=r"metric 'distance' is of smells, not of tastes\."):
        found.check_domain("metric", "distance", "tastes")


@pytest.mark.parametrize(("first", "second"), [("*", "*"), ("*", "tastes"), ("tastes", "*"), ("tastes", "tastes")])
def test_a_metric_for_all_domains_has_its_name_in_each(install: Install, first: str, second: str) -> None:
    install("one", METRICS.format(domain=first))
    install("two", METRICS.format(domain=second))
    assert trouble("two") == (
        f"metric of {second} 'distance' of genwright-two 0.3.1 is already that of genwright-one 0.3.1. "
        "Uninstall one of them."
    )


def test_a_plugin_name_that_is_taken_is_refused(install: Install) -> None:
    install("audio", AUDIO)
    install("audio", AUDIO, dist="other-audio", version="9")
    second = [plugin for plugin in discover().plugins if plugin.name == "audio"][1]
    assert second.origin == "other-audio 9"
    assert second.trouble == "the name 'audio' is taken by genwright-audio 0.3.1. Uninstall one of them."


def test_a_plugin_for_another_version_of_the_contract_is_listed_and_not_imported(install: Install) -> None:
    install("audio", "raise SystemError('imported')", group="genwright.v2")
    assert trouble("audio").startswith("it is made for API 2, this is 1. Install a release of it for API 1")


def test_groups_of_other_programs_are_passed_over(install: Install) -> None:
    install("audio", AUDIO, group="genwright.v1.extras")
    assert "audio" not in [plugin.name for plugin in discover().plugins]


@pytest.mark.parametrize(
    ("requires", "fits"),
    [
        (("genwright-core>=1.0,<2",), False),
        (("genwright_core >=0.1",), True),
        (("numpy>=1", "genwright-core<0.1; python_version < '3'"), True),
        (("not a requirement !!", "genwright-core==0.*"), True),
        (("genwright-core<0.1; extra == 'old'",), True),
    ],
)
def test_the_range_of_core_that_a_plugin_states_is_checked_before_it_is_imported(
    install: Install, monkeypatch: pytest.MonkeyPatch, requires: tuple[str, ...], fits: bool
) -> None:
    version = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "0.1.0" if name == "genwright-core" else version(name)
    )
    install("audio", AUDIO if fits else "raise SystemError('imported')", requires=requires)
    if fits:
        assert plugin("audio").trouble is None
    else:
        assert trouble("audio") == (
            "it needs genwright-core <2,>=1.0, this is 0.1.0. "
            "Install another release of it: genwright plugins install -U audio."
        )


def test_an_allow_list_leaves_the_others_out_unimported(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("audio", AUDIO)
    install("loud", "raise SystemError('imported')")
    monkeypatch.setenv("GENWRIGHT_PLUGINS", " audio ,")
    assert plugin("audio").trouble is None
    assert trouble("loud") == "it was left out: only audio may be loaded (GENWRIGHT_PLUGINS)."


def test_an_empty_allow_list_leaves_core(install: Install) -> None:
    install("audio", AUDIO)
    found = discover(only=())
    assert [plugin.name for plugin in found.plugins if plugin.trouble is None] == ["core"]


def test_what_a_plugin_prints_is_no_data(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install("chatty", "print('hello')\n" + AUDIO)
    discover()
    assert capsys.readouterr() == ("", "hello\n")


def test_damaged_metadata_are_survived(install: Install, site: Path) -> None:
    install("audio", AUDIO)
    (site / "genwright_audio-0.3.1.dist-info" / "METADATA").write_text("")
    assert plugin("audio").origin == "unknown 0"


def test_a_target_that_is_missing_is_found_when_it_is_loaded(install: Install) -> None:
    install("audio", AUDIO)
    with pytest.raises(
        PluginError, match=r"domain 'audio' of genwright-audio 0\.3\.1 needs genwright_absent\.domain:Audio"
    ):
        discover().get("domain", "audio").load()


def fitting() -> Registry:
    specs: list[Spec] = [
        DomainSpec(name="molecules", target="a:b", summary="", encoder="smiles", media_type="text/plain"),
        DomainSpec(name="audio", target="a:b", summary="", encoder="mel", media_type="audio/wav"),
        EncoderSpec(name="smiles", target="a:b", summary="", domain="molecules", space="tokens"),
        EncoderSpec(name="latent", target="a:b", summary="", domain="*", space="continuous"),
        EncoderSpec(name="mel", target="a:b", summary="", domain="audio", space="continuous"),
        FamilySpec(name="diffusion", target="a:b", summary="", spaces=("continuous",), reads="denoiser",
                   roles={"network": "denoise"}),
        FamilySpec(name="gpt", target="a:b", summary="", spaces=("tokens",), reads="next-token",
                   roles={"network": "causal"}),
        BackboneSpec(name="unet", target="a:b", summary="", spaces=("continuous",), roles=("denoise",)),
        BackboneSpec(name="dit", target="a:b", summary="", spaces=("tokens",), roles=("denoise", "unmask")),
        BackboneSpec(name="transformer", target="a:b", summary="", spaces=("tokens",), roles=("causal",)),
        BackboneSpec(name="follower", target="a:b", summary="", spaces=("tokens",), roles=("unmask",), contours=True),
        SamplerSpec(name="heun", target="a:b", summary="", reads="denoiser"),
        SamplerSpec(name="top-p", target="a:b", summary="", reads="next-token"),
    ]  # fmt: skip
    return Registry([Plugin(name="all", distribution="all", version="1", specs=tuple(specs))], {})


def test_components_that_fit_pass() -> None:
    fitting().check_fit(domain="molecules", encoder="smiles", family="gpt", backbone="transformer")
    fitting().check_fit(domain="molecules", encoder="latent", family="diffusion", backbone="unet")
    fitting().check_sampler(family="gpt", sampler="top-p")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("molecules", "smiles", "diffusion", "unet"),
            "family 'diffusion' works on continuous, but encoder 'smiles' gives tokens. "
            "Encoders of molecules that fit: latent.",
        ),
        (
            ("molecules", "mel", "diffusion", "unet"),
            "encoder 'mel' is of audio, not of molecules. Encoders of molecules: latent, smiles.",
        ),
        (
            ("molecules", "smiles", "gpt", "unet"),
            "backbone 'unet' works on continuous, but encoder 'smiles' gives tokens. Backbones that fit: transformer.",
        ),
        (
            ("molecules", "smiles", "gpt", "dit"),
            "family 'gpt' needs a backbone that serves as causal, but 'dit' serves as denoise and unmask. "
            "Backbones that fit: transformer.",
        ),
    ],
)
def test_components_that_do_not_fit_are_told_which_do(names: tuple[str, str, str, str], message: str) -> None:
    domain, encoder, family, backbone = names
    with pytest.raises(MismatchError) as caught:
        fitting().check_fit(domain=domain, encoder=encoder, family=family, backbone=backbone)
    assert str(caught.value) == message


def test_a_backbone_that_follows_no_contour_is_told_which_do() -> None:
    fitting().check_contours("follower", ["loudness"])
    fitting().check_contours("unet", [])
    with pytest.raises(MismatchError) as caught:
        fitting().check_contours("unet", ["loudness", "pitch"])
    assert str(caught.value) == (
        "backbone 'unet' is told of a sample as a whole, and cannot follow loudness and pitch from moment "
        "to moment. Backbones that can: follower."
    )


def test_a_sampler_that_cannot_read_the_family_is_told_which_can() -> None:
    with pytest.raises(MismatchError) as caught:
        fitting().check_sampler(family="gpt", sampler="heun")
    assert str(caught.value) == (
        "sampler 'heun' needs a denoiser, but family 'gpt' is read as next-token. Samplers that fit: top-p."
    )
