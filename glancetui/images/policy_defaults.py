"""The rules of the Image service and their default checks, as data.

Names and meanings are those of Glance 33, so that an operator's policy.yaml says here what it says there. `was` is the
check of the years before reader and member roles, which applies beside the new one where `enforce_new_defaults` is off.
"""

from __future__ import annotations

import msgspec


class RuleDefault(msgspec.Struct, frozen=True):
    """`was`: the older check; None where the rule never had another. `scoped`: only project tokens pass."""

    name: str
    check: str
    was: str | None = None
    scoped: bool = True


_ADMIN = "rule:context_is_admin"
_OWNER = "project_id:%(project_id)s"
_MEMBER = "project_id:%(member_id)s"
_SEEN = f"({_OWNER} or {_MEMBER} or 'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s)"
_READER_OWN = f"{_ADMIN} or (role:reader and {_OWNER})"
_MEMBER_OWN = f"{_ADMIN} or (role:member and {_OWNER})"
_READER_SEEN = f"{_ADMIN} or (role:reader and {_SEEN})"
_MEMBER_SEEN = f"{_ADMIN} or (role:member and {_SEEN})"
_READER_PARTY = f"{_ADMIN} or (role:reader and ({_OWNER} or {_MEMBER}))"
_METADEF_SEEN = f"{_ADMIN} or (role:reader and ({_OWNER} or 'public':%(visibility)s))"
_METADEF_ADMIN = "rule:metadef_admin"
_DEFAULT = "rule:default"
_METADEF_DEFAULT = "rule:metadef_default"
_CACHE = "rule:manage_image_cache"

DEFAULTS: tuple[RuleDefault, ...] = (
    RuleDefault("default", "", _ADMIN, scoped=False),
    RuleDefault("context_is_admin", "role:admin", scoped=False),
    RuleDefault("service_api", "role:service or role:admin", scoped=False),
    # images
    RuleDefault("add_image", f"{_ADMIN} or (role:member and {_OWNER} and project_id:%(owner)s)", _DEFAULT),
    RuleDefault("delete_image", _MEMBER_OWN, _DEFAULT),
    RuleDefault("get_image", _READER_SEEN, _DEFAULT),
    RuleDefault("get_images", _READER_OWN, _DEFAULT),
    RuleDefault("modify_image", _MEMBER_OWN, _DEFAULT),
    RuleDefault("publicize_image", _ADMIN),
    RuleDefault("communitize_image", _MEMBER_OWN, _DEFAULT),
    RuleDefault("deactivate", _MEMBER_OWN, _DEFAULT),
    RuleDefault("reactivate", _MEMBER_OWN, _DEFAULT),
    RuleDefault("copy_image", _ADMIN),
    # data and locations
    RuleDefault("download_image", _MEMBER_SEEN, _DEFAULT),
    RuleDefault("download_from_store", _MEMBER_SEEN),
    RuleDefault("upload_image", _MEMBER_OWN, _DEFAULT),
    RuleDefault("delete_image_location", _ADMIN, _DEFAULT),
    RuleDefault("get_image_location", _READER_OWN, _DEFAULT),
    RuleDefault("set_image_location", _MEMBER_OWN, _DEFAULT),
    RuleDefault("add_image_location", f"rule:service_api or (role:member and {_OWNER} and project_id:%(owner)s)"),
    RuleDefault("fetch_image_location", "rule:service_api"),
    # members
    RuleDefault("add_member", _MEMBER_OWN, _DEFAULT),
    RuleDefault("delete_member", _MEMBER_OWN, _DEFAULT),
    RuleDefault("get_member", _READER_PARTY, _DEFAULT),
    RuleDefault("get_members", _READER_PARTY, _DEFAULT),
    RuleDefault("modify_member", f"{_ADMIN} or (role:member and {_MEMBER})", _DEFAULT),
    # cache, stores
    RuleDefault("manage_image_cache", _ADMIN),
    RuleDefault("cache_image", _ADMIN, _CACHE),
    RuleDefault("cache_list", _ADMIN, _CACHE),
    RuleDefault("cache_delete", _ADMIN, _CACHE),
    RuleDefault("cache_clean", _ADMIN),
    RuleDefault("cache_prune", _ADMIN),
    RuleDefault("list_cached_nodes", _ADMIN),
    RuleDefault("stores_info_detail", f"{_ADMIN} or rule:service_api", _ADMIN),
    # tasks
    RuleDefault("get_task", _DEFAULT, _DEFAULT),
    RuleDefault("get_tasks", _DEFAULT, _DEFAULT),
    RuleDefault("add_task", _DEFAULT, _DEFAULT),
    RuleDefault("modify_task", _DEFAULT),
    RuleDefault("tasks_api_access", _ADMIN),
    # metadata definitions
    RuleDefault("metadef_default", "", scoped=False),
    RuleDefault("metadef_admin", _ADMIN, scoped=False),
    RuleDefault("get_metadef_namespace", _METADEF_SEEN, _METADEF_DEFAULT),
    RuleDefault("get_metadef_namespaces", _READER_OWN, _METADEF_DEFAULT),
    RuleDefault("add_metadef_namespace", _METADEF_ADMIN),
    RuleDefault("modify_metadef_namespace", _METADEF_ADMIN),
    RuleDefault("delete_metadef_namespace", _METADEF_ADMIN),
    RuleDefault("get_metadef_object", _METADEF_SEEN, _METADEF_DEFAULT),
    RuleDefault("get_metadef_objects", _METADEF_SEEN, _METADEF_DEFAULT),
    RuleDefault("add_metadef_object", _METADEF_ADMIN),
    RuleDefault("modify_metadef_object", _METADEF_ADMIN),
    RuleDefault("delete_metadef_object", _METADEF_ADMIN),
    RuleDefault("list_metadef_resource_types", _METADEF_SEEN, _METADEF_DEFAULT),
    RuleDefault("get_metadef_resource_type", _METADEF_SEEN, _METADEF_DEFAULT),
    RuleDefault("add_metadef_resource_type_association", _METADEF_ADMIN),
    RuleDefault("remove_metadef_resource_type_association", _METADEF_ADMIN),
    RuleDefault("get_metadef_property", _METADEF_SEEN, _METADEF_DEFAULT),
    RuleDefault("get_metadef_properties", _METADEF_SEEN, _METADEF_DEFAULT),
    RuleDefault("add_metadef_property", _METADEF_ADMIN),
    RuleDefault("modify_metadef_property", _METADEF_ADMIN),
    RuleDefault("remove_metadef_property", _METADEF_ADMIN),
    RuleDefault("get_metadef_tag", _METADEF_SEEN, _METADEF_DEFAULT),
    RuleDefault("get_metadef_tags", _METADEF_SEEN, _METADEF_DEFAULT),
    RuleDefault("add_metadef_tag", _METADEF_ADMIN),
    RuleDefault("add_metadef_tags", _METADEF_ADMIN),
    RuleDefault("modify_metadef_tag", _METADEF_ADMIN),
    RuleDefault("delete_metadef_tag", _METADEF_ADMIN),
    RuleDefault("delete_metadef_tags", _METADEF_ADMIN),
)
