"""What a manifest is, and which files are not fit for one."""

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.domain import manifests
from modelkeep.domain.errors import Invalid
from modelkeep.domain.manifests import ManifestFile, build


def file(path, content=b"x"):
    return ManifestFile(path, hashlib.sha256(content).hexdigest(), len(content))


def test_the_digest_is_of_one_line_for_each_file_in_the_order_of_their_bytes():
    manifest = build([file("a", b"two"), file("a/z", b"one"), file("é", b"three"), file("B")])

    lines = [
        f"{hashlib.sha256(content).hexdigest()} {len(content)} {path}\n"
        for path, content in (("B", b"x"), ("a", b"two"), ("a/z", b"one"), ("é", b"three"))
    ]
    assert manifest.text == "".join(lines)
    assert manifest.size == 12
    assert manifest.digest == hashlib.sha256(manifest.text.encode()).hexdigest()


@given(st.dictionaries(st.text("abcdefgh/é.", min_size=1), st.binary(max_size=4), min_size=1), st.randoms())
def test_neither_the_order_nor_the_normal_form_of_paths_matters(files, chance):
    entries = [file(path, content) for path, content in files.items()]
    shuffled = [
        ManifestFile(unicodedata.normalize(chance.choice(["NFC", "NFD"]), each.path), each.digest, each.size)
        for each in entries
    ]
    chance.shuffle(shuffled)

    assert build(shuffled) == build(entries)


@pytest.mark.parametrize("twins", [("model.pkl", "Model.pkl"), ("é", "e\u0301"), ("STRASSE", "straße")])
def test_names_that_some_file_systems_cannot_tell_apart_are_refused(twins):
    with pytest.raises(Invalid, match="cannot tell apart"):
        build([file(name) for name in twins])


def test_a_million_files_are_refused():
    with pytest.raises(Invalid, match="more than 20,000 files"):
        build(file(f"f{number}") for number in range(1_000_000))


def test_any_difference_gives_another_digest():
    base = [file("a", b"1"), file("b", b"2")]
    others = [
        [file("a", b"1")],
        [file("a", b"1"), file("c", b"2")],
        [file("a", b"1"), file("b", b"3")],
        [file("a", b"2"), file("b", b"1")],
        [file("a", b"1"), ManifestFile("b", base[1].digest, 2)],
    ]

    assert len({build(files).digest for files in (base, *others)}) == 6


def test_nothing_is_no_error():
    assert build([]).digest == hashlib.sha256(b"").hexdigest()
    assert manifests.canonical([]) == ""
