"""`glancetui image …`: which function of which module does what."""

from __future__ import annotations

from collections.abc import Mapping

from glancetui.cli.verbs import Group, Verb

LIST, DATA, CHANGES = "glancetui.cli.image_list", "glancetui.cli.image_data", "glancetui.cli.image_changes"
IMPORT = "glancetui.cli.image_import"
LOCATION = "glancetui.cli.image_location"

VERBS: Mapping[str, Verb | Group] = {
    "list": Verb(LIST, "list_images", "list_arguments"),
    "show": Verb(LIST, "show_image", "show_arguments"),
    "create": Verb(DATA, "create_image", "create_arguments"),
    "upload": Verb(DATA, "upload_image", "upload_arguments"),
    "stage": Verb(IMPORT, "stage_image", "stage_arguments"),
    "import": Verb(IMPORT, "import_image", "import_arguments"),
    "copy": Verb(IMPORT, "copy_image", "copy_arguments"),
    "save": Verb(DATA, "save_image", "save_arguments"),
    "set": Verb(CHANGES, "set_image", "set_arguments"),
    "unset": Verb(CHANGES, "unset_image", "unset_arguments"),
    "delete": Verb("glancetui.cli.image_delete", "delete_images", "delete_arguments"),
    "location": Group(
        "where its copies lie: list, add, remove",
        {
            "list": Verb(LOCATION, "list_locations", "list_arguments"),
            "add": Verb(LOCATION, "add_location", "add_arguments"),
            "remove": Verb(LOCATION, "remove_location", "remove_arguments"),
        },
    ),
    "deactivate": Verb(CHANGES, "deactivate_images", "several_images"),
    "reactivate": Verb(CHANGES, "reactivate_images", "several_images"),
    "share": Verb(CHANGES, "share_image", "share_arguments"),
    "unshare": Verb(CHANGES, "unshare_image", "share_arguments"),
    "tag": Verb(CHANGES, "tag_image", "tag_arguments"),
    "untag": Verb(CHANGES, "untag_image", "tag_arguments"),
}
