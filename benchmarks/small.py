"""Small requests, driven by wrk: rate, latency, CPU time of the server for each, failures."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.client import NEW
from benchmarks.machine import Meter
from benchmarks.servers import Server

DONE = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\n{"requests": %d, "us": %d, "p50": %f, "p99": %f, "failed": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.timeout + e.status))
end
"""
GET = """
local made, n = {}, 0
init = function() for i, path in ipairs(PATHS) do made[i] = wrk.format('GET', path) end end
request = function() n = n + 1; return made[n % #made + 1] end
"""
PATCH = """
local n = math.random(1000000)
wrk.headers['Content-Type'] = 'application/openstack-images-v2.1-json-patch'
request = function()
  n = n + 1
  local change = '[{"op": "add", "path": "/bench_note", "value": "' .. n .. '"}]'
  return wrk.format('PATCH', PATHS[n % #PATHS + 1], nil, change)
end
"""
CREATE_AND_DELETE = """
local ids = {}
wrk.headers['Content-Type'] = 'application/json'
request = function()
  if #ids > 0 then return wrk.format('DELETE', PATHS[1] .. '/' .. table.remove(ids)) end
  return wrk.format('POST', PATHS[1], nil, BODY)
end
response = function(status, headers, body)
  if status == 201 then ids[#ids + 1] = string.match(body, '"id"%s*:%s*"([^"]+)"') end
end
"""


class Small(NamedTuple):
    per_s: float  # requests answered well
    cpu_ms: float  # of the server, for one request
    p50_ms: float
    p99_ms: float
    failed: int
    requests: int
    others_cpu: float  # CPUs that neither the server nor this client used


def drive(server: Server, script: str, paths: Sequence[str], seconds: int, connections: int) -> Small:
    """`connections` clients that each send the next request when the last is answered."""
    quoted = ", ".join(f"'{path}'" for path in paths)
    body = json.dumps(NEW | {"name": "bench-temporary"})
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        lua.write(f"local PATHS = {{{quoted}}}\nlocal BODY = '{body}'\n{script}{DONE}")
        lua.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", lua.name, server.url]
        with Meter(server.pid) as meter:
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seen = json.loads(output.strip().splitlines()[-1])
    good = seen["requests"] - seen["failed"]
    return Small(
        per_s=good / seen["us"] * 1e6,
        cpu_ms=meter.cpu * 1000 / max(1, seen["requests"]),
        p50_ms=seen["p50"] / 1000,
        p99_ms=seen["p99"] / 1000,
        failed=seen["failed"],
        requests=seen["requests"],
        others_cpu=meter.others,
    )
