"""JSON Schemas of the company files, for editors: they complete field names and mark errors while people type.

The models are the only source; a schema is never edited. An editor finds it by a first line such as
`# yaml-language-server: $schema=.schemas/kpis.schema.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel

from orchestration.company.files import FILE_MODELS

_NONE: Mapping[str, type[BaseModel]] = MappingProxyType({})


def export_schemas(directory: Path, more: Mapping[str, type[BaseModel]] = _NONE) -> list[Path]:
    """Write `<kind>.schema.json` for every kind of file.

    Args:
        directory: where to; made when missing.
        more: kinds that other parts read, such as {"feeds": FeedsFile}.

    Returns:
        The files written, one per kind.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for kind, model in {**FILE_MODELS, **more}.items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
        path = directory / f"{kind}.schema.json"
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written
