"""`glancetui metadef …`: what properties mean, and whether images keep to it."""

from __future__ import annotations

from collections.abc import Mapping

from glancetui.cli.verbs import Group, Verb

_NAMESPACES = "glancetui.cli.metadef_namespaces"
_ITEMS = "glancetui.cli.metadef_items"
_FILES = "glancetui.cli.metadef_files"
_CHECK = "glancetui.cli.metadef_check"

_IMPORT = Verb(_FILES, "import_files", "import_arguments")
_EXPORT = Verb(_FILES, "export_files", "export_arguments")

VERBS: Mapping[str, Verb | Group] = {
    "namespace": Group(
        "a set of definitions, and the kinds of resource that they are for",
        {
            "list": Verb(_NAMESPACES, "list_namespaces", "list_arguments"),
            "show": Verb(_NAMESPACES, "show_namespace", "show_arguments"),
            "create": Verb(_NAMESPACES, "create_namespace", "create_arguments"),
            "set": Verb(_NAMESPACES, "set_namespace", "set_arguments"),
            "edit": Verb(_FILES, "edit_namespace", "edit_arguments"),
            "delete": Verb(_NAMESPACES, "delete_namespaces", "delete_arguments"),
            "import": _IMPORT,
            "export": _EXPORT,
        },
    ),
    "property": Group(
        "what one property means, and which values it may have",
        {
            "list": Verb(_ITEMS, "list_properties", "list_arguments"),
            "show": Verb(_ITEMS, "show_property", "item_arguments"),
            "create": Verb(_ITEMS, "create_property", "create_property_arguments"),
            "set": Verb(_ITEMS, "set_property", "set_property_arguments"),
            "delete": Verb(_ITEMS, "delete_properties", "delete_arguments"),
        },
    ),
    "object": Group(
        "properties that belong together",
        {
            "list": Verb(_ITEMS, "list_objects", "list_arguments"),
            "show": Verb(_ITEMS, "show_object", "item_arguments"),
            "create": Verb(_ITEMS, "create_object", "create_object_arguments"),
            "set": Verb(_ITEMS, "set_object", "set_object_arguments"),
            "delete": Verb(_ITEMS, "delete_objects", "delete_arguments"),
        },
    ),
    "tag": Group(
        "words to tag resources with",
        {
            "list": Verb(_ITEMS, "list_tags", "list_arguments"),
            "show": Verb(_ITEMS, "show_tag", "item_arguments"),
            "create": Verb(_ITEMS, "create_tags", "tags_arguments"),
            "set": Verb(_ITEMS, "rename_tag", "rename_arguments"),
            "delete": Verb(_ITEMS, "delete_tags", "delete_arguments"),
        },
    ),
    "resource-type": Group(
        "kinds of resource, and which namespaces are for them",
        {
            "list": Verb(_NAMESPACES, "list_resource_types", "resource_types_arguments"),
            "create": Verb(_NAMESPACES, "associate", "associate_arguments"),
            "delete": Verb(_NAMESPACES, "dissociate", "dissociate_arguments"),
        },
    ),
    "check": Verb(_CHECK, "check_images", "check_arguments"),
    "import": _IMPORT,
    "export": _EXPORT,
    "diff": Verb(_FILES, "diff_files", "diff_arguments"),
}
