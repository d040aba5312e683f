"""Keystone's unified limits, asked anew for each request that takes more: an operator may change them between two."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from keystoneauth1 import exceptions

from glancetui.config.settings import LimitSettings
from glancetui.errors import Unavailable
from glancetui.images.quotas import LIMITS
from glancetui.server.auth.keystone import session_of, v3_url

log = logging.getLogger(__name__)

SECTION = "oslo_limit"
FLAT = "flat"  # the model in which a project's own limit counts, else what is registered
DOWN = "Keystone cannot say now how much the project may have. Try again in a moment."

T = TypeVar("T")


class Model(msgspec.Struct, frozen=True):
    name: str


class ModelAnswer(msgspec.Struct, frozen=True):
    model: Model


class Named(msgspec.Struct, frozen=True):
    id: str


class ServicesAnswer(msgspec.Struct, frozen=True):
    services: tuple[Named, ...]


class Endpoint(msgspec.Struct, frozen=True):
    service_id: str
    region_id: str | None = None


class EndpointAnswer(msgspec.Struct, frozen=True):
    endpoint: Endpoint


class EndpointsAnswer(msgspec.Struct, frozen=True):
    endpoints: tuple[Endpoint, ...]


class Registered(msgspec.Struct, frozen=True):
    resource_name: str
    default_limit: int
    region_id: str | None = None


class RegisteredAnswer(msgspec.Struct, frozen=True):
    registered_limits: tuple[Registered, ...]


class Limit(msgspec.Struct, frozen=True):
    resource_name: str
    resource_limit: int
    region_id: str | None = None


class LimitsAnswer(msgspec.Struct, frozen=True):
    limits: tuple[Limit, ...]


class Place(NamedTuple):
    """What limits are registered for."""

    service: str
    region: str | None


class KeystoneLimits:
    """Implements `images.quotas.UnifiedLimits`. Callable from many threads."""

    def __init__(self, settings: LimitSettings) -> None:
        """Raises ConfigError where [oslo_limit] does not say how to log in. Keystone is asked only when it must be."""
        self._settings = settings
        self.url = v3_url(
            {"auth_url": settings.keystone.get("endpoint_override") or settings.keystone.get("auth_url", "")}, SECTION
        )
        self._session = session_of(settings.keystone, SECTION)
        self._lock = threading.Lock()
        self._known: Place | None = None

    def of(self, project: str) -> Mapping[str, int]:
        """By the names of the limits. Raises Unavailable, also where a limit is not registered."""
        place = self._place()
        query = {"service_id": place.service} | ({"region_id": place.region} if place.region else {})
        own = self._get("limits", LimitsAnswer, query | {"project_id": project}).limits
        limits = {each.resource_name: each.resource_limit for each in own if each.region_id == place.region}
        if not limits.keys() >= set(LIMITS):
            registered = self._get("registered_limits", RegisteredAnswer, query).registered_limits
            defaults = {each.resource_name: each.default_limit for each in registered if each.region_id == place.region}
            limits = {**defaults, **limits}
        missing = [name for name in LIMITS if name not in limits]
        if missing:
            raise self._unusable(f"it has no registered limit {missing[0]} for the image service; register all of them")
        return {name: limits[name] for name in LIMITS}

    def _place(self) -> Place:
        with self._lock:
            if self._known is None:
                self._known = self._look_up()
            return self._known

    def _look_up(self) -> Place:
        model = self._get("limits/model", ModelAnswer).model.name
        if model != FLAT:
            raise self._unusable(f"it enforces limits by the model {model}; this service knows {FLAT} alone")
        endpoint = self._endpoint()
        return Place(endpoint.service_id, endpoint.region_id)

    def _endpoint(self) -> Endpoint:
        settings = self._settings
        if settings.endpoint_id:
            return self._get(f"endpoints/{quote(settings.endpoint_id, safe='')}", EndpointAnswer).endpoint
        wanted = {"type": settings.service_type, "name": settings.service_name}
        services = self._get("services", ServicesAnswer, {k: v for k, v in wanted.items() if v}).services
        if len(services) != 1:
            raise self._unusable(f"it has {len(services)} services as [oslo_limit] describes; name endpoint_id")
        query = {"service_id": services[0].id, "interface": settings.interface}
        query |= {"region_id": settings.region} if settings.region else {}
        endpoints = self._get("endpoints", EndpointsAnswer, query).endpoints
        if len(endpoints) != 1:
            raise self._unusable(f"it has {len(endpoints)} endpoints as [oslo_limit] describes; name endpoint_id")
        return endpoints[0]

    def _get(self, path: str, kind: type[T], query: Mapping[str, str] | None = None) -> T:
        url = f"{self.url}/{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            response = self._session.get(
                url, headers={"Accept": "application/json"}, raise_exc=False, connect_retries=1, log=False
            )
        except exceptions.ClientException as error:
            raise self._unusable(f"it cannot be asked for limits: {error}") from error
        if response.status_code != 200:
            raise self._unusable(
                f"it answered {response.status_code} when asked for {path}; check the account in [{SECTION}]"
            )
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.MsgspecError as error:
            raise self._unusable(f"its answer about {path} makes no sense: {error}") from error

    def _unusable(self, why: str) -> Unavailable:
        log.error("Keystone at %s: %s.", self.url, why)
        return Unavailable(DOWN)
