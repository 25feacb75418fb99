"""Documents made from type definitions: every string that a type allows holds a marker of its own, every discriminator its own word.

Types come as the official SDKs ship them: TypedDicts of requests, pydantic models of answers. One document cannot hold all variants of a
union, so a type gives several, and each variant of each field stands in at least one of them."""

import collections.abc
import types
import typing

import pydantic
import typing_extensions

# LIMIT: types that hold themselves (items in items) are followed so deep.
DEPTH = 9
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Markers:
    """Keys that the rules find whatever stands around them, each another one, and what they stand for."""

    def __init__(self):
        self.paths = {}

    def plant(self, path):
        number, code = len(self.paths) + 1, ""
        mixed = number * 2654435761 % 2**61 | 1 << 61
        for _ in range(16):
            mixed = (mixed * 6364136223846793005 + 1442695040888963407) % 2**64
            code += ALPHABET[mixed >> 59]
        marker = f"AKIA{code}"
        assert marker not in self.paths
        self.paths[marker] = path
        return marker


def documents(kind, markers, path="", seen=()):
    """Values of a type. Every string in them is planted under its path, as `sidewall coverage` writes paths."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is str:
        return [markers.plant(path)]
    if kind in (int, float, bool):
        return [kind(1)]
    if kind is type(None) or kind is None:
        return []
    if kind in (object, typing.Any):
        return [{"inner": [markers.plant(f"{path}.*[]")]}]
    if isinstance(kind, typing.TypeVar):
        return documents(kind.__bound__ or object, markers, path, seen)
    if isinstance(kind, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
        return documents(kind.__value__, markers, path, seen)
    if origin in (typing.Literal, typing_extensions.Literal):
        return [arguments[0]]
    if origin in (typing.Annotated, typing_extensions.Required, typing_extensions.NotRequired, typing.Required, typing.NotRequired):
        return documents(arguments[0], markers, path, seen)
    if origin in (typing.Union, types.UnionType):
        # Words of the API beside a free string: the string.
        words = [one for one in arguments if typing.get_origin(one) is not typing.Literal]
        return [value for one in words or arguments for value in documents(one, markers, path, seen)]
    if origin in (dict, collections.abc.Mapping):
        return [{"inner": value} for value in documents(arguments[1], markers, f"{path}.*", seen)]
    if origin in (list, tuple, collections.abc.Iterable, collections.abc.Sequence) or getattr(kind, "__name__", "").startswith("SequenceNotStr"):
        inner = arguments[0] if arguments else str
        return [[value] for value in documents(inner, markers, f"{path}[]", seen)]
    if origin is not None and isinstance(origin, type) and issubclass(origin, collections.abc.Iterable):
        return [[value] for value in documents(arguments[0], markers, f"{path}[]", seen)]
    if origin is not None:
        return documents(origin, markers, path, seen)
    if isinstance(kind, type) and seen.count(kind) < 2 and len(seen) < DEPTH:
        fields = members(kind)
        if fields is not None:
            return joined(fields, markers, path, (*seen, kind))
    return []


def members(kind):
    """Names on the wire and types of an object's members; None if it is no object of the API."""
    if typing_extensions.is_typeddict(kind):
        hints = typing_extensions.get_type_hints(kind, include_extras=True)
        return {wire_name(name, hint): hint for name, hint in hints.items()}
    if issubclass(kind, pydantic.BaseModel):
        return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
    return None


def wire_name(name, hint):
    for argument in getattr(hint, "__metadata__", ()):
        if getattr(argument, "alias", None):
            return argument.alias
    inner = typing.get_args(hint)
    return wire_name(name, inner[0]) if typing.get_origin(hint) in (typing_extensions.Required, typing.Required) else name


def joined(fields, markers, path, seen):
    """Objects in which each member takes each of its values at least once."""
    values = {name: documents(hint, markers, f"{path}.{name}" if path else name, seen) for name, hint in fields.items()}
    most = max((len(one) for one in values.values()), default=1) or 1
    return [
        {name: one[min(turn, len(one) - 1)] for name, one in values.items() if one and (turn < len(one) or not repeats(one))}
        for turn in range(most)
    ]


def repeats(values):
    """A value with a marker is not told twice in different documents: members whose values are used up fall away."""
    return len(values) > 1
