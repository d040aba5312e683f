"""The compiled rules answer what oslo.policy answers; files are found, refused and read again as operators expect."""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oslo_config import cfg
from oslo_policy import policy as oslo_policy

from glancetui.config.settings import PolicySettings
from glancetui.errors import ConfigError, Forbidden
from glancetui.images.policy import Policy
from glancetui.images.policy_compile import Compiler, CyclicRules, credentials, inner_checks
from glancetui.images.policy_defaults import DEFAULTS
from glancetui.images.target import target_of
from glancetui.model import Caller, Image

NAMES = ("default", "a", "b", "c", "nowhere")
ROLES = ("admin", "Member", "reader", "service")
PROJECTS = (None, "p1", "p2", "None", "True")


def checks() -> st.SearchStrategy[str]:
    leaf = st.one_of(
        st.sampled_from(["@", "!", "role:admin", "role:MEMBER", "role:%(visibility)s", "role:50%", "roles:reader"]),
        st.sampled_from([f"rule:{name}" for name in NAMES]),
        st.builds(
            "{}:%({})s".format,
            st.sampled_from(
                ["project_id", "user_id", "tenant", "domain_id", "system", "system_scope", "nothing", "a.b"]
            ),
            st.sampled_from(["owner", "project_id", "member_id", "visibility", "size", "lacking"]),
        ),
        st.builds(
            "{}:{}".format,
            st.sampled_from(
                ["'public'", "'p1'", "7", "None", "True", "is_admin_project", "service_roles", "project_id"]
            ),
            st.sampled_from(
                ["%(visibility)s", "%(size)s", "%(owner)s", "x%(owner)s", "%(owner)sx%(owner)s", "p1", "True"]
            ),
        ),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds("not {}".format, leaf),
            st.builds("({} and {})".format, inner, inner),
            st.builds("({} or {} or {})".format, inner, inner, inner),
            st.builds("{} or {} and {}".format, leaf, leaf, leaf),
        ),
        max_leaves=8,
    )


callers = st.builds(
    Caller,
    user=st.sampled_from([None, "u1"]),
    project=st.sampled_from(PROJECTS),
    roles=st.frozensets(st.sampled_from([role.lower() for role in ROLES])),
    service_roles=st.frozensets(st.sampled_from(["service", "p1"])),
    domain=st.sampled_from([None, "d1"]),
    system_scope=st.sampled_from([None, "all"]),
)
targets = st.fixed_dictionaries(
    {},
    optional={
        "owner": st.sampled_from(PROJECTS),
        "project_id": st.sampled_from(PROJECTS),
        "member_id": st.sampled_from(PROJECTS),
        "visibility": st.sampled_from(["public", "shared", "admin"]),
        "size": st.sampled_from([None, 7, "7"]),
    },
)


def enforcer_with(rules: dict[str, str]) -> oslo_policy.Enforcer:
    conf = cfg.ConfigOpts()
    conf([], project="test", default_config_files=[], default_config_dirs=[])
    enforcer = oslo_policy.Enforcer(conf, use_conf=False)
    enforcer.set_rules(oslo_policy.Rules.from_dict(rules, "default"))
    return enforcer


def oslos_answer(enforcer: oslo_policy.Enforcer, rule: str, target: dict[str, object], caller: Caller) -> bool | None:
    """None: oslo.policy cannot tell, since it fails in the middle (which ours answers with no) or runs in circles."""
    try:
        return bool(enforcer.enforce(rule, target, credentials(caller)))
    except (ValueError, TypeError):
        return None
    except RecursionError:
        return None


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES[:-1]), checks(), min_size=1), st.data())
def test_compiled_rules_answer_what_oslo_policy_answers(rules: dict[str, str], data: st.DataObject) -> None:
    enforcer = enforcer_with(rules)
    compiler = Compiler(enforcer.rules, foreign=lambda *_: pytest.fail("no check here is foreign"))
    compiled = {name: compiler.rule(name) for name in NAMES}
    for _ in range(5):
        caller, target = data.draw(callers), data.draw(targets)
        for name in NAMES:
            try:
                answer = compiled[name](caller, target)
            except CyclicRules:
                assert comes_round(enforcer.rules, oslo_policy.RuleCheck("rule", name), ()), (name, rules)
                continue
            expected = oslos_answer(enforcer, name, target, caller)
            assert expected is None or answer is expected, (name, rules)


def comes_round(rules: oslo_policy.Rules, check: object, above: tuple[str, ...]) -> bool:
    """Whether a walk through the rules that `check` asks meets one again that it is in the middle of."""
    if isinstance(check, oslo_policy.RuleCheck):
        name = check.match if check.match in rules else "default"
        return name in above or (name in rules and comes_round(rules, rules[name], (*above, name)))
    return any(comes_round(rules, part, above) for part in inner_checks(check))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(["get_image", "default", "context_is_admin", "add_image", "mine"]), checks()),
    st.data(),
)
def test_a_policy_file_means_what_it_means_to_oslo_policy(
    tmp_path: Path, rules: dict[str, str], data: st.DataObject
) -> None:
    """Defaults, default rule, files and the scope of tokens together, in both generations of defaults."""
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(rules))
    new = data.draw(st.booleans())
    policy = Policy.load(PolicySettings(enforce_new_defaults=new, config_dirs=(str(tmp_path),)))
    reference = reference_enforcer(tmp_path, new=new)
    for _ in range(4):
        caller, target = data.draw(callers), data.draw(targets)
        for name in ("get_image", "add_image", "metadef_default", "modify_member", "nowhere", "mine"):
            expected = oslos_answer(reference, name, target, caller)
            if expected is not None and not reference._cycle_check(oslo_policy.RuleCheck("rule", name)):
                assert policy.allows(name, caller, target) is expected, name


def reference_enforcer(folder: Path, *, new: bool) -> oslo_policy.Enforcer:
    conf = cfg.ConfigOpts()
    conf([], project="test", default_config_files=[], default_config_dirs=[])
    enforcer = oslo_policy.Enforcer(conf, policy_file=str(folder / "policy.yaml"))
    conf.set_override("enforce_new_defaults", new, group="oslo_policy")
    enforcer.suppress_default_change_warnings = True
    for default in DEFAULTS:
        older = default.was is not None and oslo_policy.DeprecatedRule(
            default.name, default.was, deprecated_reason="-", deprecated_since="-"
        )
        enforcer.register_default(
            oslo_policy.RuleDefault(
                default.name,
                default.check,
                deprecated_rule=older or None,
                scope_types=["project"] if default.scoped else None,
            )
        )
    return enforcer


def caller(*roles: str, project: str | None = "p1", **more: object) -> Caller:
    return Caller(user="u", project=project, roles=frozenset(roles), **more)  # type: ignore[arg-type]


def policy_in(folder: Path, text: str, name: str = "policy.yaml") -> Policy:
    (folder / name).write_text(text)
    return Policy.load(PolicySettings(config_dirs=(str(folder),)))


ADMIN, MEMBER, READER, SERVICE = caller("admin"), caller("member", "reader"), caller("reader"), caller("service")
OWN = {"owner": "p1", "project_id": "p1", "visibility": "shared"}
PUBLIC = {"owner": "p2", "project_id": "p2", "visibility": "public"}
PRIVATE = {"owner": "p2", "project_id": "p2", "visibility": "private"}
SHARED_WITH_ME = {"owner": "p2", "project_id": "p2", "member_id": "p1", "visibility": "shared"}
MEMBERS_RULES = (
    "modify_image", "delete_image", "upload_image", "communitize_image", "deactivate", "reactivate", "add_member",
    "delete_member", "set_image_location", "add_image",
)  # fmt: skip
ADMINS_RULES = (
    "publicize_image", "delete_image_location", "copy_image", "manage_image_cache", "cache_image", "cache_list",
    "cache_delete", "cache_clean", "cache_prune", "list_cached_nodes", "tasks_api_access", "metadef_admin",
    "add_metadef_namespace", "modify_metadef_object", "remove_metadef_property", "delete_metadef_tags",
)  # fmt: skip


@pytest.fixture(scope="module")
def defaults() -> Policy:
    return Policy.load(PolicySettings())


@pytest.mark.parametrize("rule", MEMBERS_RULES)
def test_members_rule_passes_own_project_and_administrators_only(defaults: Policy, rule: str) -> None:
    assert defaults.allows(rule, MEMBER, OWN)
    assert defaults.allows(rule, ADMIN, PRIVATE)
    assert not defaults.allows(rule, MEMBER, PUBLIC)
    assert not defaults.allows(rule, READER, OWN)


@pytest.mark.parametrize("rule", ADMINS_RULES)
def test_administrators_rule_passes_nobody_else(defaults: Policy, rule: str) -> None:
    assert defaults.allows(rule, ADMIN, PRIVATE)
    assert not any(defaults.allows(rule, who, OWN) for who in (MEMBER, READER, SERVICE))


@pytest.mark.parametrize(
    ("rule", "who", "target", "passes"),
    [
        ("get_image", READER, PUBLIC, True),
        ("get_image", READER, SHARED_WITH_ME, True),
        ("get_image", READER, PRIVATE, False),
        ("get_image", SERVICE, OWN, False),
        ("download_image", READER, OWN, False),
        ("download_image", MEMBER, SHARED_WITH_ME, True),
        ("get_images", READER, {"project_id": "p1"}, True),
        ("get_image_location", READER, OWN, True),
        ("get_image_location", READER, PUBLIC, False),
        ("get_members", READER, SHARED_WITH_ME, True),
        ("get_members", READER, PUBLIC, False),
        ("modify_member", MEMBER, SHARED_WITH_ME, True),
        ("modify_member", MEMBER, OWN, False),
        ("fetch_image_location", SERVICE, PRIVATE, True),
        ("fetch_image_location", MEMBER, OWN, False),
        ("add_image_location", MEMBER, OWN, True),
        ("stores_info_detail", SERVICE, {}, True),
        ("stores_info_detail", MEMBER, {}, False),
        ("get_tasks", caller(), {}, True),
        ("get_metadef_namespace", READER, PUBLIC, True),
        ("get_metadef_namespace", READER, PRIVATE, False),
        ("default", caller(), {}, True),
        ("a_rule_that_nobody_registered", caller(), {}, True),
    ],
)
def test_default_rules(defaults: Policy, rule: str, who: Caller, target: dict[str, str], passes: bool) -> None:
    assert defaults.allows(rule, who, target) is passes


def test_tokens_of_the_system_or_a_domain_pass_no_rule_of_projects(defaults: Policy) -> None:
    assert not defaults.allows("get_image", caller("admin", system_scope="all"), PUBLIC)
    assert not defaults.allows("get_image", caller("admin", domain="d"), PUBLIC)
    assert defaults.is_admin(caller("admin", domain="d"))


@pytest.mark.parametrize("check", ["tenant:%(owner)s", "user:u", "domain:d"])
def test_names_that_oslo_context_gave_up_grant_nothing(tmp_path: Path, check: str) -> None:
    policy = policy_in(tmp_path, f'"modify_image": "{check}"')
    assert not policy.allows("modify_image", caller("member", domain="d"), OWN)


def test_all_67_rules_are_there_once() -> None:
    assert len(DEFAULTS) == len({default.name for default in DEFAULTS}) == 67


def test_refusal_names_the_rule(defaults: Policy) -> None:
    with pytest.raises(Forbidden, match="publicize_image"):
        defaults.enforce("publicize_image", MEMBER, OWN)


def test_operators_file_overrides_only_what_it_names(tmp_path: Path) -> None:
    policy = policy_in(tmp_path, '"publicize_image": "role:member"\nmisspelt_rule: "!"\n')
    assert policy.allows("publicize_image", MEMBER, OWN)
    assert not policy.allows("delete_image", READER, OWN)
    assert not policy.allows("misspelt_rule", ADMIN, {})


def test_json_is_read_as_well(tmp_path: Path) -> None:
    assert policy_in(tmp_path, '{"publicize_image": "@"}').allows("publicize_image", READER, OWN)


def test_policy_folder_comes_after_the_file_in_order_of_names(tmp_path: Path) -> None:
    folder = tmp_path / "policy.d"
    folder.mkdir()
    (folder / "10-first.yaml").write_text('copy_image: "role:member"\npublicize_image: "role:member"\n')
    (folder / "20-second.yaml").write_text('copy_image: "role:reader"\n')
    (folder / ".hidden.yaml").write_text('copy_image: "!"\n')
    policy = policy_in(tmp_path, 'publicize_image: "!"\ncopy_image: "!"\n')
    assert policy.allows("publicize_image", caller("member"), OWN)
    assert policy.allows("copy_image", READER, OWN)
    assert not policy.allows("copy_image", caller("member"), OWN)


def test_file_beside_the_configuration_is_found(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text('copy_image: "@"')
    policy = Policy.load(PolicySettings(config_files=(str(tmp_path / "glance-api.conf"),)))
    assert policy.allows("copy_image", READER, OWN)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('"a": "@"\n"b": [unclosed\n', 3),
        ("- a\n- b\n", 1),
        ('a: "@"\n\nget_image: true\n', 3),
        ("a: {b: c}\n", 1),
        ('a: "@"\nb: 5\n', 2),
        ("just words\n", 1),
    ],
)
def test_broken_file_stops_the_start_with_file_and_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        policy_in(tmp_path, text)
    assert (caught.value.file, caught.value.line) == (str(tmp_path / "policy.yaml"), line)


def test_file_that_is_no_text_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"policy\.yaml"):
        Policy.load(PolicySettings(config_dirs=(str(tmp_path),)))


@pytest.mark.parametrize("text", ["", "{}", "# nothing yet\n", "---\n"])
def test_empty_file_leaves_the_defaults(tmp_path: Path, text: str) -> None:
    assert not policy_in(tmp_path, text).allows("publicize_image", MEMBER, OWN)


def test_check_that_cannot_be_parsed_refuses(tmp_path: Path) -> None:
    assert not policy_in(tmp_path, 'copy_image: "role:admin or"\n').allows("copy_image", ADMIN, OWN)


def test_check_that_cannot_be_parsed_is_logged_in_a_sentence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    policy_in(tmp_path, '"get_image": "role:a or"\n"get_images": ""\n')
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        f"{tmp_path / 'policy.yaml'}: Failed to understand rule role:a or: this check refuses everybody. Correct it."
    ]
    assert not any(record.exc_info for record in caplog.records)


def test_rules_that_refer_to_themselves_refuse_even_when_negated(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policy = policy_in(tmp_path, 'copy_image: "not rule:loop"\nloop: "not rule:copy_image"\n')
    with caplog.at_level(logging.WARNING):
        assert not policy.allows("copy_image", ADMIN, OWN)
    assert "refers to itself" in caplog.text


def test_changed_file_counts_from_the_next_request_and_a_removed_rule_falls_back(tmp_path: Path) -> None:
    policy = policy_in(tmp_path, 'copy_image: "role:member"')
    assert policy.allows("copy_image", MEMBER, OWN)
    replace(tmp_path / "policy.yaml", 'publicize_image: "role:member"')
    policy.reload_if_changed()
    assert not policy.allows("copy_image", MEMBER, OWN)
    assert policy.allows("publicize_image", MEMBER, OWN)
    (tmp_path / "policy.yaml").unlink()
    policy.reload_if_changed()
    assert not policy.allows("publicize_image", MEMBER, OWN)


def test_file_that_appears_after_the_start_is_read(tmp_path: Path) -> None:
    policy = Policy.load(PolicySettings(config_dirs=(str(tmp_path),)))
    replace(tmp_path / "policy.yaml", 'copy_image: "@"')
    policy.reload_if_changed()
    assert policy.allows("copy_image", READER, OWN)
    (tmp_path / "policy.d").mkdir()
    replace(tmp_path / "policy.d" / "more.yaml", 'copy_image: "!"')
    policy.reload_if_changed()
    assert not policy.allows("copy_image", ADMIN, OWN)


def test_file_broken_while_running_keeps_the_rules_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policy = policy_in(tmp_path, 'copy_image: "role:member"')
    replace(tmp_path / "policy.yaml", "copy_image: [")
    with caplog.at_level(logging.ERROR):
        policy.reload_if_changed()
        policy.reload_if_changed()
    assert policy.allows("copy_image", MEMBER, OWN)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert str(tmp_path / "policy.yaml") in caplog.text


def replace(file: Path, text: str) -> None:
    """As careful editors write: a new file takes the name, so that even the same time and size are noticed."""
    fresh = file.with_name("." + file.name + ".new")
    fresh.write_text(text)
    fresh.replace(file)


def test_operators_change_is_known_also_through_other_rules(tmp_path: Path) -> None:
    policy = policy_in(
        tmp_path,
        'mine: "role:x"\nget_image: "rule:mine"\nmine2: "@"\ndelete_image: "rule:mine2"\ncontext_is_admin: "role:root"',
    )
    assert policy.changed_by_operator("get_image")
    assert policy.changed_by_operator("delete_image")
    assert not policy.changed_by_operator("get_images")
    assert not policy.changed_by_operator("modify_image")


def test_default_written_out_is_no_change(tmp_path: Path) -> None:
    default = next(default.check for default in DEFAULTS if default.name == "get_image")
    assert not policy_in(tmp_path, yaml.safe_dump({"get_image": default})).changed_by_operator("get_image")


def test_administrator_is_whom_the_operator_names(tmp_path: Path) -> None:
    policy = policy_in(tmp_path, 'context_is_admin: "role:root or project_id:ops"')
    assert policy.is_admin(caller("root"))
    assert policy.is_admin(caller(project="ops"))
    assert not policy.is_admin(ADMIN)


def test_check_of_a_kind_unknown_here_is_asked_of_oslo_policy(tmp_path: Path, free_port: int) -> None:
    """An http: check whose server does not answer refuses; it does not break the request."""
    policy = policy_in(tmp_path, f'copy_image: "http://127.0.0.1:{free_port}/ask or role:member"')
    assert policy.allows("copy_image", MEMBER, OWN)
    assert not policy.allows("copy_image", READER, OWN)


def test_check_by_http_is_told_of_the_image_and_its_answer_counts(tmp_path: Path) -> None:
    asked: list[bytes] = []

    class Judge(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"True" if b"wanted" in asked[-1] else b"False")

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Judge) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        policy = policy_in(tmp_path, f'copy_image: "http://127.0.0.1:{server.server_port}/ask"')
        answers = [
            policy.allows("copy_image", MEMBER, target_of(MEMBER, image_named(name))) for name in ("wanted", "x")
        ]
        server.shutdown()
    assert answers == [True, False]
    assert b"p1" in asked[0]


def image_named(name: str) -> Image:
    at = datetime(2026, 1, 1)  # noqa: DTZ001 - the times of values have no zone
    return Image(
        id="i", name=name, owner="p1", status="active", visibility="private", created_at=at, updated_at=at, tags=("t",)
    )


def test_legacy_defaults_let_everybody_pass_the_rule(tmp_path: Path) -> None:
    policy = Policy.load(PolicySettings(enforce_new_defaults=False))
    assert policy.legacy
    assert policy.allows("delete_image", caller(), PRIVATE)
    assert not policy.allows("publicize_image", caller(), OWN)
