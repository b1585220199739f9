"""What the README and the operations guide say of the tree is true."""

from __future__ import annotations

import re

from orchestration.settings import PROJECT_ROOT, Settings


def test_map_of_the_tree_names_what_is_there():
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- map:.*?-->\n```\n(.*?)```", readme, re.S)
    assert block, "the README has no map"
    folder = PROJECT_ROOT
    named = set()
    for line in block[1].splitlines():
        name = line.split()[0]
        path = (folder if line.startswith("  ") else PROJECT_ROOT) / name
        assert path.exists(), f"the map names {path.relative_to(PROJECT_ROOT)}, which does not exist"
        assert path.is_dir() == name.endswith("/"), name
        named.add(str(path.relative_to(PROJECT_ROOT)))
        if not line.startswith("  ") and path.is_dir():
            folder = path
    package = PROJECT_ROOT / "orchestration"
    actual = {
        str(path.relative_to(PROJECT_ROOT))
        for path in package.iterdir()
        if not path.name.startswith("__") and (path.is_dir() or path.suffix == ".py")
    }
    assert actual <= named, f"the map leaves out {sorted(actual - named)}"


def test_every_setting_is_documented():
    guide = (PROJECT_ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"`LOS_{name.upper()}`" not in guide]
    assert not missing


def test_links_in_the_documents_resolve():
    for document in [PROJECT_ROOT / "README.md", *(PROJECT_ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://")):
                assert (document.parent / target).exists(), f"{document.name} links to {target}"
