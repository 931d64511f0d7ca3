"""Microsoft's sign-in over HTTP: authorize page, token endpoint, administrator's consent, and what MSAL asks first.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow and
https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, jsonify, redirect, render_template_string, request
from flask.typing import ResponseReturnValue

from sandbox.graph import consent, tokens
from sandbox.graph.world import Consent, World
from sandbox.kit.server import HOST

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in to your account (stand-in)</title></head><body>
<h1>{{ heading }}</h1>
{% if people %}<form method="post">
<p><label>Account <select name="email">{% for email in people %}
<option value="{{ email }}"{% if email == hinted %} selected{% endif %}>{{ email }}</option>{% endfor %}
</select></label></p>
<ul>{% for scope in scopes %}<li>{{ scope }}</li>{% endfor %}</ul>
<p><button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button>
{% if not admin %}<button name="decision" value="needs_admin">Needs admin</button>{% endif %}</p>
</form>{% else %}<p>{{ text }}</p>{% endif %}
</body></html>
"""
_FORM: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Working...</title></head><body>
<form method="POST" name="hiddenform" action="{{ action }}">{% for name, value in fields.items() %}
<input type="hidden" name="{{ name }}" value="{{ value }}">{% endfor %}
<noscript><p>Script is disabled. Click Submit to continue.</p><input type="submit" value="Submit"></noscript></form>
<script>document.forms[0].submit();</script>
</body></html>
"""
_AUTHORITIES: Final = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]


def blueprint(world: World) -> Blueprint:
    """The endpoints below ``/<tenant>/``; the discovery of instances is below ``/common/`` only."""
    door = Blueprint("login", __name__)

    @door.route("/<tenant>/oauth2/v2.0/authorize", methods=["GET", "POST"])
    def authorize(tenant: str) -> ResponseReturnValue:
        return _shown(world, lambda: _authorize(world, tenant))

    @door.route("/<tenant>/v2.0/adminconsent", methods=["GET", "POST"])
    def admin_consent(tenant: str) -> ResponseReturnValue:
        return _shown(world, lambda: _admin_consent(world, tenant))

    @door.post("/<tenant>/oauth2/v2.0/token")
    def token(tenant: str) -> ResponseReturnValue:  # noqa: ARG001 - any will do: the grant knows whose it is
        return _token(world)

    @door.get("/<tenant>/v2.0/.well-known/openid-configuration")
    def configuration(tenant: str) -> ResponseReturnValue:
        return jsonify(_configuration(tenant))

    @door.get("/<tenant>/discovery/v2.0/keys")
    def keys(tenant: str) -> ResponseReturnValue:  # noqa: ARG001 - the same for all
        return jsonify(keys=[])

    @door.get("/common/discovery/instance")
    def instance() -> ResponseReturnValue:
        return jsonify(_instance(request.args.get("authorization_endpoint", "")))

    return door


def _shown(world: World, answer: Any) -> ResponseReturnValue:
    with world.lock:
        try:
            found: ResponseReturnValue = answer()
        except consent.PageError as error:
            # Shown on a page, and with status 200: https://learn.microsoft.com/previous-versions/azure/dn645544(v=azure.100)
            return _page("We can't sign you in", text=str(error))
    return found


def _authorize(world: World, tenant: str) -> ResponseReturnValue:
    asked = consent.read(world, tenant, request.args)
    choice = _choice(world) if request.method == "POST" else consent.take_prepared(world, asked.login_hint)
    if choice is not None:
        return _send(asked.redirect_uri, asked.mode, consent.decide(world, asked, choice))
    if request.args.get("prompt") == "none":
        text = "AADSTS50058: A silent sign-in request was sent but no user is signed in."
        refused = {"error": "login_required", "error_description": text, "state": asked.state or ""}
        return _send(asked.redirect_uri, asked.mode, refused)
    people = [one.email for one in world.people.values() if consent.admits(tenant, one)]
    if not people:
        raise consent.PageError("There is no account here that this sign-in admits.")
    return _page("Permissions requested", people=sorted(people), scopes=asked.scopes, hinted=asked.login_hint)


def _admin_consent(world: World, tenant: str) -> ResponseReturnValue:
    """An administrator approves for the whole tenant; the endpoint's exact form is unconfirmed.

    https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
    """
    client, redirect_uri, wanted = consent.read_admin(world, request.args)
    choice = _choice(world) if request.method == "POST" else consent.take_prepared(world, None)
    if choice is None:
        people = [one.email for one in world.people.values() if one.account == "work" and consent.admits(tenant, one)]
        return _page("Permissions requested: review for your organization", people=people, scopes=wanted, admin=True)
    person = world.people[choice.email]
    answer = {"state": request.args.get("state", "")}
    if choice.decision != "allow" or person.account != "work":
        text = "The admin canceled the request"
        return _send(redirect_uri, "query", {**answer, "error": "permission_denied", "error_description": text})
    world.approved_tenants.add((client.id, person.tenant))
    given = {"admin_consent": "True", "tenant": person.tenant, "scope": " ".join(wanted)}
    return _send(redirect_uri, "query", {**given, **answer})


def _choice(world: World) -> Consent:
    email, decision = request.form.get("email", ""), request.form.get("decision", "")
    if email not in world.people or decision not in ("allow", "deny", "needs_admin"):
        raise consent.PageError("Choose an account, and Allow or Deny.")
    return Consent(email, decision)


def _send(address: str, mode: str, answer: Mapping[str, str]) -> ResponseReturnValue:
    if mode == "form_post":
        return render_template_string(_FORM, action=address, fields=answer)
    joint = "#" if mode == "fragment" else "&" if urlsplit(address).query else "?"
    return redirect(f"{address}{joint}{urlencode(answer)}")


def _page(heading: str, **values: Any) -> str:
    return render_template_string(_PAGE, heading=heading, **values)


def _token(world: World) -> ResponseReturnValue:
    basic, given = request.authorization, None
    if basic is not None and basic.type == "basic":
        given = (basic.username or "", basic.password or "")
    with world.lock:
        try:
            response: Response = jsonify(tokens.exchange(world, request.form, given))
        except tokens.Refusal as refusal:
            correlation = request.headers.get("client-request-id") or world.guid()
            response = jsonify(refusal.body(world.guid(), correlation, world.now()))
            response.status_code = refusal.status
    response.headers["Cache-Control"] = "no-store, no-cache"
    return response


def _configuration(tenant: str) -> dict[str, Any]:
    """The endpoints. MSAL insists on https, a browser must come here: so each gets the address it can use.

    The token endpoint is named under the host that was asked for (``X-Forwarded-Host`` first), which a test's session
    maps onto this server; the authorize endpoint is this server itself.
    """
    asked = f"https://{request.headers.get('X-Forwarded-Host') or request.host}/{tenant}"
    here = f"http://{HOST}:{request.environ['SERVER_PORT']}/{tenant}"
    # The issuer of the shared endpoints is a template: https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
    issuer = "{tenantid}" if tenant in ("common", "organizations") else tenant
    return {
        "token_endpoint": f"{asked}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{asked}/discovery/v2.0/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{tokens.ISSUER}/{issuer}/v2.0",
        "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
        "tenant_region_scope": None,
        "cloud_instance_name": "microsoftonline.com",
        "msgraph_host": "graph.microsoft.com",
    }


def _instance(authorization_endpoint: str) -> dict[str, Any]:
    """Where an authority's configuration is, as MSAL asks for hosts that it does not know."""
    asked = urlsplit(authorization_endpoint)
    tenant = asked.path.strip("/").partition("/")[0] or "common"
    metadata = {"preferred_network": _AUTHORITIES[0], "preferred_cache": _AUTHORITIES[1], "aliases": _AUTHORITIES}
    return {
        "tenant_discovery_endpoint": f"https://{asked.netloc}/{tenant}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [metadata],
    }
