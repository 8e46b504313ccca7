import torch

from skyloom.config import TextConfig
from skyloom.models.text import TextEncoder
from skyloom.models.vocabulary import FIRST_BYTE, NULL, PAD, Vocabulary, split_words

VOCABULARY = Vocabulary(["a", "red", "fox", "runs", "狐", "狸"])


def test_words_hanzi_digits_and_signs_are_tokens():
    assert split_words("A red Fox's 12 狐狸, 跑！") == ["a", "red", "fox's", "1", "2", "狐", "狸", ",", "跑", "!"]


def test_unknown_words_are_spelled_in_bytes():
    assert VOCABULARY.encode("a fox")[0] == VOCABULARY.ids["a"]
    assert VOCABULARY.encode("zz") == [FIRST_BYTE + ord("z")] * 2
    assert VOCABULARY.encode("   ") == [NULL]


def test_unknown_words_come_with_the_nearest_known():
    assert VOCABULARY.unknown("a red foxx, 狐狸 猫 42!") == {"foxx": "fox", "猫": ""}


def test_only_a_misspelt_word_has_a_nearest_one():
    known = Vocabulary(["shell", "cake", "juggler", "sway", "trumpets", "horse", "elephant", "cookie", "红"])
    strange = {"spell": "", "lake": "", "jungle": "", "away": "", "erupts": "", "cooking": "", "hrose": "horse"}
    assert known.unknown(" ".join(strange)) == strange
    assert known.unknown("elefant elephnat zz") == {"elefant": "", "elephnat": "elephant", "zz": ""}


def test_hanzi_that_stand_together_are_one_word():
    assert VOCABULARY.unknown("厨房的狐狸, 厨房, 猫") == {"厨房的": "", "厨房": "", "猫": ""}


def test_long_prompts_are_cut_and_short_ones_padded():
    ids, mask, _ = VOCABULARY.batch(["a fox", "red " * 100], limit=8)
    assert ids.shape == (2, 8)
    assert mask[0].tolist() == [True, True] + [False] * 6
    assert ids[0, 2] == PAD


@torch.no_grad()
def test_padding_changes_nothing():
    torch.manual_seed(0)
    encoder = TextEncoder(TextConfig(16, 2, 2, 32), len(VOCABULARY)).eval()
    alone = encoder(*VOCABULARY.batch(["a fox"], 32)[:2])
    padded = encoder(*VOCABULARY.batch(["a fox", "a red fox runs"], 32)[:2])
    assert torch.allclose(alone[0], padded[0, :2], atol=1e-5)
    assert not padded[0, 2:].any()


NAMED = Vocabulary(["a", "fox"], [["fox", "foxes", "狐狸"], ["fox cub"], ["car"]])


def test_a_text_names_looks_by_their_longest_names():
    assert NAMED.looks("A fox cub and two foxes meet a Fox") == [1, 0]
    assert NAMED.looks("狐狸，foxy") == [0]
    assert VOCABULARY.looks("a fox") == []


def test_a_vocabulary_with_names_survives_its_file(tmp_path):
    for vocabulary in (VOCABULARY, NAMED):
        (tmp_path / "vocabulary.json").write_text(vocabulary.to_json(), encoding="utf-8")
        back = Vocabulary.load(tmp_path / "vocabulary.json")
        assert (back.words, back.names) == (vocabulary.words, vocabulary.names)
