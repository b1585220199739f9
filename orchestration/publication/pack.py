"""What BI tools are given with a release: the folder `bi`, made from the catalog alone, in a fraction of a second."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from orchestration.publication.catalog import CATALOG_FILE, Catalog
from orchestration.publication.dictionary import dictionary_files
from orchestration.publication.looker import lookml_files
from orchestration.publication.metabase import metabase_files


def bi_pack(catalog: Catalog, *, schema: str) -> dict[str, str]:
    """Return the pack's files: path within the release -> text.

    Args:
        catalog: What is published.
        schema: Of PostgreSQL, where BI tools find it.
    """
    return {
        CATALOG_FILE: catalog.model_dump_json(indent=1) + "\n",
        **lookml_files(catalog, schema=schema),
        **metabase_files(catalog, schema=schema),
        **dictionary_files(catalog),
    }


def pack_hash(pack: Mapping[str, str]) -> str | None:
    """Return what identifies a pack; None for an empty one."""
    if not pack:
        return None
    digest = hashlib.sha256()
    for path, text in sorted(pack.items()):
        digest.update(f"{path}\0{text}\0".encode())
    return digest.hexdigest()
