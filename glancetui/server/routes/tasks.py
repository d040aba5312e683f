"""/v2/tasks and /v2/images/{image_id}/tasks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from glancetui.server import wire
from glancetui.server.bridge import in_slow_thread, in_thread
from glancetui.server.json_body import json_object, no_body
from glancetui.server.routes.answers import json_answer
from glancetui.server.routing import Route, caller_of, service_of
from glancetui.server.tasks_wire import image_task_document, page_document, read_task_query, task_document
from glancetui.server.versions import endpoint


async def list_tasks(request: Request) -> Response:
    """GET /v2/tasks"""
    await no_body(request)
    service = service_of(request)
    options = service.settings.images
    parameters = request.query_params.multi_items()
    query = read_task_query(parameters, options.limit_param_default, options.api_limit_max)
    tasks = await in_thread(request, service.tasks.page, caller_of(request), query)
    kept = {name: value for name, value in parameters if name != "marker"}
    return json_answer(request, wire.encode(page_document(list(tasks), query, kept)))


async def create_task(request: Request) -> Response:
    """POST /v2/tasks"""
    service = service_of(request)
    body = await json_object(request, service.settings.server)
    task = await in_slow_thread(request, service.tasks.create, caller_of(request), body)
    place = f"{endpoint(request, service.settings.server.public_endpoint)}/v2/tasks/{task.id}"
    document = task_document(task)
    document.pop("image_id", None)  # there is none yet in Glance, and who takes a new task apart knows no such item
    return json_answer(request, wire.encode(document), status=201, headers={"location": place})


async def show_task(request: Request) -> Response:
    """GET /v2/tasks/{task_id}"""
    await no_body(request)
    task = await in_thread(request, service_of(request).tasks.show, caller_of(request), request.path_params["task_id"])
    return json_answer(request, wire.encode(task_document(task)))


async def tasks_of_image(request: Request) -> Response:
    """GET /v2/images/{image_id}/tasks"""
    await no_body(request)
    tasks = await in_thread(
        request, service_of(request).tasks.of_image, caller_of(request), request.path_params["image_id"]
    )
    return json_answer(request, wire.encode({"tasks": [image_task_document(task) for task in tasks]}))


ROUTES = (
    Route("GET", "/v2/tasks", list_tasks),
    Route("POST", "/v2/tasks", create_task),
    Route("GET", "/v2/tasks/{task_id}", show_task),
    Route("GET", "/v2/images/{image_id}/tasks", tasks_of_image),
)
