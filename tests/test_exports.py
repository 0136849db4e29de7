"""What `import whygrad` offers is there, documented, and no more than that."""

import inspect

import pytest

import whygrad


def test_every_exported_name_is_there_and_documented() -> None:
    for name in whygrad.__all__:
        value = getattr(whygrad, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name


def test_dir_lists_what_is_exported() -> None:
    assert set(whygrad.__all__) <= set(dir(whygrad))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        whygrad.nonsense  # noqa: B018
