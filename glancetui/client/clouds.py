"""Which endpoint, and as whom: --endpoint, --cloud, OS_*, clouds.yaml and secure.yaml as openstacksdk reads them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from glancetui.client import auth as authentication
from glancetui.client.auth import API_SUFFIX, Authentication
from glancetui.client.client import Client
from glancetui.client.transport import Address, Limits, Observer, Transport, Trust, address_of
from glancetui.errors import ConfigError, NotFound

LOCAL_ENDPOINT = "http://127.0.0.1:9292"
NOT_FOR_CLOUDS = frozenset({"OS_CLOUD", "OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE", "OS_CLIENT_VENDOR_FILE"})
AUTH_KEYS = frozenset(
    {
        "auth_url", "username", "user_id", "password", "token", "endpoint", "url", "project_id", "project_name",
        "tenant_id", "tenant_name", "user_domain_id", "user_domain_name", "project_domain_id", "project_domain_name",
        "domain_id", "domain_name", "system_scope", "application_credential_id", "application_credential_name",
        "application_credential_secret", "default_domain",
    }
)  # fmt: skip
ENDPOINT_KEYS = ("image_endpoint_override", "image_endpoint", "image_url")
OLD_NAMES = {"tenant_id": "project_id", "tenant_name": "project_name", "url": "endpoint", "user_name": "username"}


class Cloud(msgspec.Struct, frozen=True, kw_only=True):
    """One configured cloud. `auth` holds secrets: never print it."""

    name: str
    source: str  # where it was found: a file's name, "environment", or "command line"
    auth_type: str = "password"
    auth: Mapping[str, str] = {}
    region: str | None = None
    interface: str = "public"
    endpoint: str | None = None  # overrides the catalogue
    verify: bool = True
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None

    def __repr__(self) -> str:
        return f"Cloud(name={self.name!r}, auth_type={self.auth_type!r}, source={self.source!r})"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller said about the endpoint; None where it said nothing."""

    cloud: str | None = None
    endpoint: str | None = None
    region: str | None = None
    interface: str | None = None
    cacert: str | None = None
    insecure: bool = False
    token: str | None = None  # taken by somebody else, for us to use


def chosen_cloud(choice: Choice, environment: Mapping[str, str] | None = None) -> Cloud | None:
    """The cloud to use; None where nothing is configured: then LOCAL_ENDPOINT is worth a try.

    A name wins over OS_CLOUD, then OS_* variables, then the only entry of clouds.yaml. Raises NotFound, ConfigError.
    """
    variables = os.environ if environment is None else environment
    if choice.token and choice.endpoint:
        cloud: Cloud | None = Cloud(name="", source="command line", cacert=variables.get("OS_CACERT"))
    else:
        cloud = without_overrides(choice, variables)
    if cloud is None:
        return None
    return msgspec.structs.replace(
        cloud,
        endpoint=choice.endpoint or cloud.endpoint,
        region=choice.region or cloud.region,
        interface=choice.interface or cloud.interface,
        cacert=choice.cacert or cloud.cacert,
        verify=cloud.verify and not choice.insecure,
        auth_type="token_given" if choice.token else cloud.auth_type,
        auth=cloud.auth if not choice.token else {"token": choice.token, "endpoint": cloud.auth.get("endpoint", "")},
    )


def without_overrides(choice: Choice, variables: Mapping[str, str]) -> Cloud | None:
    name = choice.cloud or variables.get("OS_CLOUD")
    if name:
        return cloud_named(name, variables)
    from_variables = cloud_of_variables(variables)
    if from_variables is not None:
        return from_variables
    if choice.endpoint:
        return Cloud(name="", source="command line", auth_type="none", cacert=variables.get("OS_CACERT"))
    known = clouds(variables)
    return next(iter(known.values())) if len(known) == 1 else None


def cloud_of_variables(variables: Mapping[str, str]) -> Cloud | None:
    """The cloud that OS_* describe, if they say where to sign in or which endpoint to use."""
    entry: dict[str, object] = {}
    auth: dict[str, object] = {}
    for name, value in variables.items():
        if not name.startswith("OS_") or name in NOT_FOR_CLOUDS or not value:
            continue
        key = name.removeprefix("OS_").lower()
        (auth if key in AUTH_KEYS else entry)[key] = value
    places = (auth.get("auth_url"), auth.get("endpoint"), auth.get("url"), *(entry.get(key) for key in ENDPOINT_KEYS))
    if not any(places):
        return None
    return cloud_of_entry("envvars", "environment", entry | {"auth": auth})


def cloud_named(name: str, variables: Mapping[str, str]) -> Cloud:
    """Raises NotFound with the names there are."""
    if name == "envvars":
        from_variables = cloud_of_variables(variables)
        if from_variables is not None:
            return from_variables
    known = clouds(variables)
    if name not in known:
        raise NotFound(f"There is no cloud {name!r} in clouds.yaml; there are: {', '.join(sorted(known)) or 'none'}.")
    return known[name]


def clouds(environment: Mapping[str, str] | None = None) -> Mapping[str, Cloud]:
    """All entries of clouds.yaml, with what secure.yaml and clouds-public.yaml add. Raises ConfigError."""
    variables = os.environ if environment is None else environment
    path = first_file("clouds", variables.get("OS_CLIENT_CONFIG_FILE"), variables)
    if path is None:
        return {}
    entries = section(read_yaml(path), "clouds", path)
    secure = first_file("secure", variables.get("OS_CLIENT_SECURE_FILE"), variables)
    secrets = section(read_yaml(secure), "clouds", secure) if secure else {}
    public = first_file("clouds-public", variables.get("OS_CLIENT_VENDOR_FILE"), variables)
    profiles = section(read_yaml(public), "public-clouds", public) if public else {}
    return {
        name: cloud_of_entry(name, str(path), with_profile(deep_merge(entry, secrets.get(name, {})), profiles))
        for name, entry in entries.items()
    }


def with_profile(entry: Mapping[str, object], profiles: Mapping[str, Mapping[str, object]]) -> Mapping[str, object]:
    """A `profile` (once called `cloud`) gives what the entry itself leaves out."""
    profile = entry.get("profile") or entry.get("cloud")
    return deep_merge(profiles.get(profile, {}), entry) if isinstance(profile, str) else entry


def deep_merge(base: Mapping[str, object], over: Mapping[str, object]) -> Mapping[str, object]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = deep_merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def cloud_of_entry(name: str, source: str, entry: Mapping[str, object]) -> Cloud:
    """Read one entry; keys may be spelled with dashes, and those of `auth` may stand outside it."""
    plain = {str(key).replace("-", "_"): value for key, value in entry.items()}
    inner = plain.get("auth")
    given = {key: value for key, value in plain.items() if key in AUTH_KEYS} | (
        inner if isinstance(inner, dict) else {}
    )
    named = ((str(key).replace("-", "_"), value) for key, value in given.items() if value is not None)
    auth = {OLD_NAMES.get(key, key): str(value) for key, value in named}
    verify = truth(plain.get("verify"), default=True) and not truth(plain.get("insecure"), default=False)
    interface = optional(plain.get("interface") or plain.get("endpoint_type"))
    return Cloud(
        name=name,
        source=source,
        auth_type=optional(plain.get("auth_type")) or guessed_type(auth),
        auth=auth,
        region=optional(plain.get("region_name")) or first_region(plain.get("regions")),
        interface=(interface or "public").removesuffix("URL"),
        endpoint=next((str(plain[key]) for key in ENDPOINT_KEYS if plain.get(key)), None),
        verify=verify,
        cacert=expanded(plain.get("cacert")),
        cert=expanded(plain.get("cert")),
        key=expanded(plain.get("key")),
    )


def guessed_type(auth: Mapping[str, str]) -> str:
    if auth.get("application_credential_secret"):
        return "v3applicationcredential"
    if auth.get("token"):
        return "token" if auth.get("auth_url") else "admin_token"
    return "password" if auth.get("auth_url") else "none"


def optional(value: object) -> str | None:
    return str(value) if value not in {None, ""} else None


def first_region(regions: object) -> str | None:
    first = regions[0] if isinstance(regions, list) and regions else None
    return optional(first.get("name") if isinstance(first, dict) else first)


def truth(value: object, *, default: bool) -> bool:
    if value is None:
        return default
    return value if isinstance(value, bool) else str(value).strip().lower() not in {"false", "no", "0", "off", ""}


def expanded(value: object) -> str | None:
    found = optional(value)
    return str(Path(found).expanduser()) if found else None


# Files ----------------------------------------------------------------------------------------------------------------


def first_file(stem: str, named: str | None, variables: Mapping[str, str]) -> Path | None:
    """The file that a variable names, else the first of the places that openstacksdk looks in."""
    if named:
        return Path(named).expanduser()
    home = Path(variables.get("HOME") or Path.home())
    user = Path(variables.get("XDG_CONFIG_HOME") or home / ".config") / "openstack"
    folders = (Path.cwd(), user, Path("/etc/openstack"))
    candidates = (folder / f"{stem}.{suffix}" for folder in folders for suffix in ("yaml", "yml", "json"))
    return next((path for path in candidates if path.is_file()), None)


def read_yaml(path: Path) -> Mapping[str, object]:
    import yaml  # costs more than a whole request; most calls need none

    try:
        document = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # safe
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", file=str(path)) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise ConfigError(f"is not YAML: {getattr(error, 'problem', error)}", file=str(path), line=line) from error
    if document is not None and not isinstance(document, dict):
        raise ConfigError("must hold a mapping", file=str(path))
    return document or {}


def section(document: Mapping[str, object], key: str, path: Path) -> Mapping[str, Mapping[str, object]]:
    found = document.get(key) or {}
    if not isinstance(found, dict) or not all(isinstance(entry, dict | None) for entry in found.values()):
        raise ConfigError(f"{key}: must be a mapping of names to mappings", file=str(path))
    return {str(name): entry or {} for name, entry in found.items()}


# Connecting -----------------------------------------------------------------------------------------------------------


def connect(
    cloud: Cloud, *, limits: Limits | None = None, observer: Observer | None = None, read_only: bool = False
) -> Client:
    """A client for a cloud. Nothing is sent yet. Raises ConfigError, Unauthenticated for what is missing."""
    trust = Trust(verify=cloud.verify, cacert=cloud.cacert, cert=cloud.cert, key=cloud.key)
    transport = Transport(limits=limits, trust=trust, observer=observer, read_only=read_only)
    return Client(transport, authentication_of(cloud))


def authentication_of(cloud: Cloud) -> Authentication:
    url = cloud.endpoint or cloud.auth.get("endpoint") or None
    endpoint = without_version(address_of(url)) if url else None
    kind = cloud.auth_type.removeprefix("v3").replace("_", "").replace("-", "")
    if kind in {"none", "noauth"}:
        return authentication.nobody(endpoint)
    if kind == "httpbasic":
        user = authentication.needed(cloud.auth, "username")
        return authentication.basic(endpoint, user, authentication.needed(cloud.auth, "password"))
    if kind in {"admintoken", "tokenendpoint", "tokengiven"}:
        return authentication.bearer(endpoint, authentication.needed(cloud.auth, "token"))
    if kind not in IDENTITIES:
        raise ConfigError(
            f"Cloud {cloud.name!r}: auth_type {cloud.auth_type!r} is not known here; known: {KNOWN_TYPES}."
        )
    auth_url = authentication.needed(cloud.auth, "auth_url")
    return authentication.Keystone(
        auth_url, IDENTITIES[kind](cloud.auth), interface=cloud.interface, region=cloud.region, endpoint=endpoint
    )


IDENTITIES: Mapping[str, Callable[[Mapping[str, str]], Mapping[str, object]]] = {
    "password": authentication.password_identity,
    "token": authentication.token_identity,
    "applicationcredential": authentication.application_credential_identity,
}
KNOWN_TYPES = "none, http_basic, password, token, v3applicationcredential, admin_token"


def without_version(address: Address) -> Address:
    """An endpoint may be given with or without /v2 at its end."""
    return Address(address.origin, API_SUFFIX.sub("", address.path))
