"""What a webhook costs at least: a bare Flask 202, and the usual recipe (HMAC, SETNX, an RQ job).

Served by gunicorn with the gateway's own settings: ``gunicorn bench.plain_web:bare`` and ``bench.plain_web:recipe``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

from flask import Flask, Response, request
from redis import Redis
from rq import Queue

QUEUE = "bench"
_REMEMBERED_SECONDS = 600


def _bare() -> Flask:
    app = Flask("bare")

    @app.post("/")
    def door() -> Response:
        request.get_data()
        return Response(status=202)

    return app


def _recipe() -> Flask:
    app = Flask("recipe")
    redis = Redis.from_url(os.environ.get("REDIS_URL", "redis://"))
    queue = Queue(QUEUE, connection=redis, serializer="json")
    secret = base64.b64decode(os.environ.get("BENCH_SECRET", "").removeprefix("whsec_"))

    @app.post("/")
    def door() -> Response:
        raw, said = request.get_data(), request.headers
        signed = f"{said['webhook-id']}.{said['webhook-timestamp']}.".encode() + raw
        signature = "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
        if not hmac.compare_digest(signature, said["webhook-signature"]):
            return Response(status=401)
        if redis.set(f"bench:{said['webhook-id']}", 1, nx=True, ex=_REMEMBERED_SECONDS):
            queue.enqueue_call("somewhere.work", args=[said["webhook-id"]], result_ttl=0, ttl=_REMEMBERED_SECONDS)
        return Response(status=202)

    return app


bare = _bare()
recipe = _recipe()
