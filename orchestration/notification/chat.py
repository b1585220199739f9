"""Text from outside, made harmless for a chat, a mail or a webhook."""

from __future__ import annotations

from orchestration.publication.text import visible

# Chats take these for a mention of everybody, for markup, or for a link that shows another text than it opens.
_ACTIVE = str.maketrans({"<": "‹", ">": "›", "@": "＠", "`": "'", "*": "∗", "|": "¦", "[": "(", "]": ")"})


def harmless(text: str) -> str:
    """Return text that no chat acts on: no mention, no markup, no hidden character. Lines stay lines."""
    return "\n".join(visible(line) for line in text.split("\n")).translate(_ACTIVE)
