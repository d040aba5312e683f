"""The colours. Good is blue-green and bad is orange-red, so that no state hangs on telling red from green."""

from __future__ import annotations

from textual.theme import Theme

_DARK_INK = {
    "ink": "#d7dee8",
    "ink-soft": "#93a1b3",
    "ink-faint": "#5d6b7e",
    "good": "#4ec9b0",
    "busy": "#7cb7ff",
    "warn": "#e6b450",
    "bad": "#ff8f66",
    "key": "#7cb7ff",
    "cursor": "#22354d",
    "cursor-quiet": "#1b2430",
    "bar": "#161d27",
    "line": "#263243",
    "input-selection-background": "#7cb7ff 35%",
    "scrollbar": "#2c3a4d",
    "scrollbar-hover": "#3d5069",
    "scrollbar-active": "#7cb7ff",
    "scrollbar-background": "#10151c",
    "scrollbar-background-hover": "#10151c",
    "scrollbar-background-active": "#10151c",
}

_LIGHT_INK = {
    "ink": "#1d2733",
    "ink-soft": "#55636f",
    "ink-faint": "#8b98a5",
    "good": "#00796b",
    "busy": "#1657b8",
    "warn": "#8f5a00",
    "bad": "#b83d0c",
    "key": "#1657b8",
    "cursor": "#cfe1f7",
    "cursor-quiet": "#e6ebf1",
    "bar": "#e9edf2",
    "line": "#cbd4de",
    "input-selection-background": "#1657b8 25%",
    "scrollbar": "#c0cad6",
    "scrollbar-hover": "#a5b3c2",
    "scrollbar-active": "#1657b8",
    "scrollbar-background": "#f7f9fb",
    "scrollbar-background-hover": "#f7f9fb",
    "scrollbar-background-active": "#f7f9fb",
}

_CONTRAST_INK = {
    "ink": "#ffffff",
    "ink-soft": "#e0e0e0",
    "ink-faint": "#b8b8b8",
    "good": "#5cf2dc",
    "busy": "#9fd0ff",
    "warn": "#ffd75f",
    "bad": "#ffb08a",
    "key": "#9fd0ff",
    "cursor": "#00408a",
    "cursor-quiet": "#262626",
    "bar": "#000000",
    "line": "#8a8a8a",
    "scrollbar": "#8a8a8a",
    "scrollbar-background": "#000000",
}

_ANSI_INK = {
    "ink": "ansi_default",
    "ink-soft": "ansi_default",
    "ink-faint": "ansi_bright_black",
    "good": "ansi_cyan",
    "busy": "ansi_blue",
    "warn": "ansi_yellow",
    "bad": "ansi_red",
    "key": "ansi_blue",
    "cursor": "ansi_bright_black",
    "cursor-quiet": "ansi_default",
    "bar": "ansi_default",
    "line": "ansi_bright_black",
}


def _theme(name: str, ink: dict[str, str], *, background: str, surface: str, panel: str, dark: bool) -> Theme:
    return Theme(
        name=name,
        primary=ink["busy"],
        secondary=ink["ink-soft"],
        accent=ink["key"],
        warning=ink["warn"],
        error=ink["bad"],
        success=ink["good"],
        foreground=ink["ink"],
        background=background,
        surface=surface,
        panel=panel,
        dark=dark,
        variables=ink,
    )


DARK = _theme("dark", _DARK_INK, background="#10151c", surface="#161d27", panel="#1c2632", dark=True)
LIGHT = _theme("light", _LIGHT_INK, background="#f7f9fb", surface="#eef2f6", panel="#e3e9f0", dark=False)
CONTRAST = _theme("contrast", _CONTRAST_INK, background="#000000", surface="#000000", panel="#141414", dark=True)


OURS = (DARK, LIGHT, CONTRAST)


def ink_of(variables: dict[str, str], *, ansi: bool) -> dict[str, str]:
    """Our colour names for a theme that lacks them, as values from the theme's own."""
    if ansi:
        return _ANSI_INK
    return {
        "ink": variables["foreground"],
        "ink-soft": variables.get("foreground-darken-1", variables["foreground"]),
        "ink-faint": variables.get("foreground-darken-3", variables["foreground"]),
        "good": variables["success"],
        "busy": variables["primary"],
        "warn": variables["warning"],
        "bad": variables["error"],
        "key": variables["accent"],
        "cursor": variables.get("primary-muted", variables["panel"]),
        "cursor-quiet": variables["surface"],
        "bar": variables["surface"],
        "line": variables["panel"],
    }
