"""Turns what pydantic refuses into errors that name file, line, field, what was expected and what to do.

Used for every YAML file that people write: company files and feed contracts alike.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from orchestration.company.yaml_reader import Key, PathKeys, Positions, shown
from orchestration.errors import DefinitionError, DefinitionErrors, nearest

M = TypeVar("M", bound=BaseModel)

_EXPECTED: Final = {
    "string_type": "text",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping (field: value)",
    "model_type": "a mapping (field: value)",
    "model_attributes_type": "a mapping (field: value)",
    "finite_number": "a finite number",
}
_MISSING: Final = object()
_YES_NO: Final = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def validate(model: type[M], data: Any, positions: Positions, file: str) -> M:
    """Validate the data of one file.

    Args:
        model: the model of the whole file.
        data: as `read_yaml` returned it.
        positions: as `read_yaml` returned them.
        file: how errors name the file.

    Raises:
        DefinitionErrors: every error of the file, in the order of its lines.
    """
    if data is None:
        top = ", ".join(field_names(model))
        raise DefinitionErrors(
            [
                DefinitionError(
                    "the file is empty",
                    file=file,
                    line=1,
                    expected=top,
                    remedy=f"write `{top.split(', ')[0]}:` or delete the file",
                )
            ]
        )
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise DefinitionErrors(to_definition_errors(error, model, data, positions, file)) from None


def to_definition_errors(
    error: ValidationError, model: type[BaseModel], data: Any, positions: Positions, file: str
) -> list[DefinitionError]:
    """Return one error per thing refused, in the order of the file's lines."""
    errors = [
        _definition_error(details, model, data, positions, file)
        for details in error.errors(include_url=False, include_context=True)
        if details["type"] != "default_factory_not_called"  # only follows from another error
    ]
    return sorted(errors, key=lambda one: (one.line or 0, one.column or ""))


def field_names(model: type[BaseModel]) -> list[str]:
    """Return the field names of a model as files write them."""
    return [info.alias or name for name, info in model.model_fields.items()]


def _definition_error(
    details: Any, model: type[BaseModel], data: Any, positions: Positions, file: str
) -> DefinitionError:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    pointed = (context["field"],) if kind == "form" and context["field"] else ()
    path = _path_in(data, (*details["loc"], *pointed))
    message: str = details["msg"]
    expected = _EXPECTED.get(kind)
    found: str | None = shown(value)
    remedy: str | None = None
    if kind == "form":
        message, expected, remedy = context["message"], context["expected"], context["remedy"]
        if pointed:
            found = None
    elif kind == "missing":
        message, found = f"missing field `{path[-1]}`", None
        remedy = "add it"
    elif kind == "extra_forbidden":
        message, found = f"unknown field {_ticked(path[-1])}", None
        expected, remedy = _known_fields(model, data, path)
    elif kind in ("literal_error", "enum"):
        message, expected = "not one of the values allowed", context["expected"].replace("'", "")
        choices = [choice.strip() for choice in expected.replace(" or ", ",").split(",")]
        close = nearest(value.strip().lower(), choices) if isinstance(value, str) else None
        remedy = f"write {close}" if close else None
    elif expected is not None:
        message = "wrong type of value"
        found, remedy = _as_written(value, positions.raw(path)), _retype(kind, value, positions.raw(path))
    else:
        message, expected = "not allowed here", message[0].lower() + message[1:]
    if value is None and kind not in ("missing", "extra_forbidden", "form"):
        found, remedy = "nothing", "write a value, or leave the field out if it is optional"
    if isinstance(value, (dict, list)) and kind != "form" and found is not None:
        found = "a mapping" if isinstance(value, dict) else "a list"
    return DefinitionError(
        message,
        file=file,
        line=positions.line(path),
        column=positions.column(path),
        subject=_subject(data, path),
        expected=expected,
        found=found,
        remedy=remedy,
    )


def _ticked(name: Key) -> str:
    return f"`{name}`" if isinstance(name, str) and name.isprintable() else shown(name)


def _known_fields(model: type[BaseModel], data: Any, path: PathKeys) -> tuple[str | None, str | None]:
    """Return what a record may hold instead of an unknown field, and the one that was probably meant."""
    names = _names_at(model, path[:-1])
    present = _value_at(data, path[:-1])
    free = [name for name in names if not isinstance(present, dict) or name not in present]
    close = nearest(str(path[-1]), free)
    if close:
        return None, f"write `{close}`"
    taken = nearest(str(path[-1]), names)
    if taken:
        return None, f"merge it into `{taken}`, which is there already"
    return f"one of: {', '.join(names)}", "remove it"


def _retype(kind: str, value: Any, raw: str | None) -> str | None:
    """Return how to write a value so that it gets the type expected, when that is plain to see."""
    if kind == "string_type" and isinstance(value, (int, float)):
        return f'put it in quotes: "{_digits(value, raw)}"'
    if kind == "bool_type" and isinstance(value, str) and value.strip().lower() in _YES_NO:
        return f"write {_YES_NO[value.strip().lower()]}"
    if kind in ("float_type", "int_type") and isinstance(value, str):
        return _number_in(value.strip())
    return None


def _number_in(text: str) -> str | None:
    plain = text.replace("_", "").replace(" ", "")
    try:
        float(plain)
    except ValueError:
        pass
    else:
        return f"write {plain}, without quotes" if plain.isascii() else None
    if plain.endswith("%"):
        try:
            return f"write the share: {float(plain[:-1]) / 100:g}"
        except ValueError:
            return None
    return "write the number alone, with a point for decimals" if any(map(str.isdigit, plain)) else None


def _as_written(value: Any, raw: str | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {_digits(value, raw)}"
    return f"the text {shown(value)}" if isinstance(value, str) else shown(value)


def _digits(value: Any, raw: str | None) -> str:
    """Return a number or flag as the file writes it."""
    return raw or (str(value).lower() if isinstance(value, bool) else str(value))


def _path_in(data: Any, location: tuple[Key, ...]) -> PathKeys:
    """Return a pydantic location as a path into the data: the tags of unions that it also names are left out."""
    path: list[Key] = []
    node = data
    for index, key in enumerate(location):
        if _MISSING is not (inner := _value_at(node, (key,), _MISSING)):
            node = inner
        elif index < len(location) - 1:
            continue
        path.append(key)
    return tuple(path)


def _value_at(data: Any, path: PathKeys, default: Any = None) -> Any:
    for key in path:
        if isinstance(data, str):
            return default
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return default
    return data


def _subject(data: Any, path: PathKeys) -> str | None:
    """Return the id of the innermost record on a path."""
    subject, node = None, data
    for key in path:
        if isinstance(node, dict) and isinstance(node.get("id"), str):
            subject = node["id"]
        node = _value_at(node, (key,))
    if isinstance(node, dict) and isinstance(node.get("id"), str):
        subject = node["id"]
    return subject


def _names_at(model: type[BaseModel], path: PathKeys) -> list[str]:
    """Return the field names that a model allows at a path, over all members of a union."""
    here: list[Any] = [model]
    for key in path:
        here = [inner for annotation in here for inner in _step(annotation, key)]
    names = [name for annotation in here if _is_model(annotation) for name in field_names(annotation)]
    return list(dict.fromkeys(names))


def _step(annotation: Any, key: Key) -> Iterator[Any]:
    if _is_model(annotation):
        for name, info in annotation.model_fields.items():
            if (info.alias or name) == key:
                yield from plain_types(info.annotation)
    elif get_origin(annotation) in (list, tuple) and isinstance(key, int):
        yield from plain_types(get_args(annotation)[0])
    elif get_origin(annotation) is dict:
        yield from plain_types(get_args(annotation)[1])


def plain_types(annotation: Any) -> Iterator[Any]:
    """Yield the plain types that an annotation stands for: no Annotated, no union."""
    if get_origin(annotation) is Annotated:
        yield from plain_types(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from plain_types(member)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
