"""Forms and JSON make the same tree, and what does not fit is named."""

import pytest

from skyloom.server import wire
from skyloom.server.forms import unfold
from skyloom.server.wire import ApiError, Upload


def test_names_carry_the_structure():
    parts = [("prompt", "x"), ("l[]", "1"), ("l[]", "2"), ("input_reference[image_url]", "data:"), ("characters[][id]", "a")]
    assert unfold([*parts, ("characters[][id]", "b")]) == {
        "prompt": "x",
        "l": ["1", "2"],
        "input_reference": {"image_url": "data:"},
        "characters": [{"id": "a"}, {"id": "b"}],
    }


def test_objects_come_by_column_and_are_zipped():
    parts = [("s[][at]", "0"), ("s[][at]", "2"), ("s[][prompt]", "x"), ("s[][prompt]", "y")]
    assert unfold(parts) == {"s": [{"at": "0", "prompt": "x"}, {"at": "2", "prompt": "y"}]}
    with pytest.raises(ApiError, match="have different keys") as error:
        unfold(parts[:-1])
    assert error.value.status == 400 and error.value.param == "s"


@pytest.mark.parametrize("name", ["", "[a]", "a[b][c]", "a[][b][c]", "a]", "a[[b]]"])
def test_other_names_are_refused(name):
    with pytest.raises(ApiError):
        unfold([(name, "x")])


def test_a_name_has_one_meaning():
    for parts in ([("a", "1"), ("a", "2")], [("a[]", "1"), ("a[b]", "2")], [("a[b]", "1"), ("a[b]", "2")]):
        with pytest.raises(ApiError):
            unfold(parts)


def test_text_becomes_what_the_field_is():
    call = wire.check(wire.VideoCreate, {"prompt": "x", "seed": "7", "loop": "true", "guidance_scale": "2.5", "seconds": 4})
    assert (call.seed, call.loop, call.guidance, call.seconds) == (7, True, 2.5, "4")
    cards = wire.check(wire.VideoCreate, {"prompt": "x", "storyboard": '[{"at": 0, "prompt": "y"}]'}).storyboard
    assert cards[0].prompt == "y"
    assert wire.check(wire.VideoCreate, {"prompt": "x", "input_reference": Upload(b"p")}).input_reference == Upload(b"p")


@pytest.mark.parametrize(
    "tree, param, code",
    [
        ({}, "prompt", "missing_required_parameter"),
        ({"prompt": ""}, "prompt", "invalid_value"),
        ({"prompt": "x" * 32_001}, "prompt", "invalid_value"),
        ({"prompt": "x", "sed": 1}, "sed", "unknown_parameter"),
        ({"prompt": "x", "seed": -1}, "seed", "invalid_value"),
        ({"prompt": "x", "guidance": "nan"}, "guidance", "invalid_value"),
        ({"prompt": "x", "input_reference": "a.png"}, "input_reference", "invalid_value"),
        ({"prompt": "x", "input_reference": {"file": 1}}, "input_reference.file", "unknown_parameter"),
        ({"prompt": "x", "input_reference": {"data": "AA=="}}, "input_reference.data", "unknown_parameter"),
        ({"prompt": "x", "storyboard": "[{"}, "storyboard", "invalid_value"),
        ([], None, "invalid_body"),
    ],
)
def test_what_does_not_fit_is_named(tree, param, code):
    with pytest.raises(ApiError) as error:
        wire.check(wire.VideoCreate, tree)
    assert (error.value.status, error.value.param, error.value.code) == (400, param, code)


@pytest.mark.parametrize("call", wire.CALLS, ids=lambda call: call.__name__)
def test_the_examples_of_the_api_page_are_taken(call):
    examples = wire.schemas()[call.__name__]["examples"]
    assert examples and all(wire.check(call, example) for example in examples)


def test_an_unknown_parameter_gets_the_nearest():
    with pytest.raises(ApiError, match="Did you mean 'seconds'"):
        wire.check(wire.VideoCreate, {"prompt": "x", "second": 4})
