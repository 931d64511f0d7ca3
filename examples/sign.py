"""Sign a webhook for Calendar Gateway (https://www.standardwebhooks.com), with the standard library alone.

python sign.py MESSAGE_ID UNIX_SECONDS < body.json      (the secret in WEBHOOK_SECRET)
"""

import base64
import hashlib
import hmac
import os
import sys


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """The value of the header ``webhook-signature``. Send exactly these bytes as the body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


if __name__ == "__main__":
    print(signature(os.environ["WEBHOOK_SECRET"], sys.argv[1], sys.argv[2], sys.stdin.buffer.read()))
