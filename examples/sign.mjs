// Sign a webhook for Calendar Gateway (https://www.standardwebhooks.com), with Node alone.
//
//   node sign.mjs MESSAGE_ID UNIX_SECONDS < body.json      (the secret in WEBHOOK_SECRET)
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

// The value of the header webhook-signature. Send exactly these bytes as the body.
export function signature(secret, messageId, timestamp, body) {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const mac = createHmac("sha256", key).update(`${messageId}.${timestamp}.`).update(body);
  return "v1," + mac.digest("base64");
}

const [messageId, timestamp] = process.argv.slice(2);
console.log(signature(process.env.WEBHOOK_SECRET, messageId, timestamp, readFileSync(0)));
