"""A real RabbitMQ on loopback ports of its own, with a port mapper of its own, in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import amqp
import kombu

from tests.backends.keeper import CannotStart, NotInstalled
from tests.backends.processes import free_port

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
START_SECONDS = 90.0


@dataclass
class RabbitMQ:
    folder: Path
    port: int = field(default_factory=free_port)
    mapper_port: int = field(default_factory=free_port)
    distribution_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"rabbit://guest:guest@127.0.0.1:{self.port}/"

    def start(self) -> None:
        """With the data of before. Raises CannotStart."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(SERVER)], env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise CannotStart((self.folder / "server.log").read_text(errors="replace")[-2000:])
            time.sleep(0.2)  # the pause of a poll with a deadline

    def stop(self) -> None:
        """Idempotent."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, 15)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, 9)
                self.process.wait()
            self.process = None

    def close(self) -> None:
        self.stop()
        mapper = shutil.which("epmd")
        if mapper:  # only the one on our own port
            subprocess.run([mapper, "-port", str(self.mapper_port), "-kill"], capture_output=True, check=False)

    def received(self, queue: str) -> list[dict[str, Any]]:
        """What has come into the queue since the last call, unwrapped of oslo.messaging's envelope."""
        with kombu.Connection(self.url.replace("rabbit://", "amqp://")) as connection:
            channel = connection.channel()
            messages = []
            try:
                while (message := channel.basic_get(queue, no_ack=True)) is not None:
                    envelope = json.loads(message.body)
                    messages.append(json.loads(envelope["oslo.message"]) if "oslo.message" in envelope else envelope)
            except amqp.NotFound:  # nothing was ever sent there
                return []
            return messages

    def _answers(self) -> bool:
        try:
            with kombu.Connection(self.url.replace("rabbit://", "amqp://"), connect_timeout=2) as connection:
                connection.connect()
        except (OSError, amqp.AMQPError):
            return False
        return True

    def _environment(self) -> dict[str, str]:
        folder = str(self.folder)
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "log.console = true\nlog.console.level = warning\nlog.file = false\n"
        )
        (self.folder / "plugins").write_text("[].\n")
        return {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
        }


@contextmanager
def running_rabbitmq(folder: Path) -> Iterator[RabbitMQ]:
    """Raises NotInstalled, CannotStart."""
    if not SERVER.exists():
        raise NotInstalled(f"{SERVER} is not there (Debian: rabbitmq-server)")
    folder.mkdir(parents=True, exist_ok=True)
    broker = RabbitMQ(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.close()
