"""Walks a server's sign-in and consent pages the way a person with a browser would.

Nothing is assumed about a page but this: signing in is a form with a password field and, before it, a text or e-mail field;
consenting is a form with a submit button that does not say no; hidden fields go back as they came.
"""

from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

REFUSALS = ("deny", "cancel", "reject", "refuse", "decline", "switch", "logout", "log out", "sign out", "forgot", "passkey")
MAX_ANSWERS = 16


class FlowError(Exception):
    """The pages did not lead to a code; the message tells where they stopped."""


class SignInRefused(FlowError):
    """The sign-in form came back after it was filled in."""


class Page(HTMLParser):
    """The forms of a page, and the places where a code for copying may stand."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.forms, self.shown = [], []
        self._form = self._button = self._select = self._code = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        a = {name: value or "" for name, value in attributes}
        if tag == "form":
            self._form = {"action": a.get("action", ""), "method": a.get("method", "get").lower(), "fields": [], "buttons": []}
            self.forms.append(self._form)
        elif tag == "input":
            kind = a.get("type", "text").lower()
            if "readonly" in a and a.get("value"):
                self.shown.append(a["value"])
            if self._form is None or "disabled" in a:
                return
            if kind in ("submit", "image"):
                self._form["buttons"].append({"name": a.get("name"), "value": a.get("value", ""), "text": a.get("value", "")})
            elif kind in ("checkbox", "radio"):
                if "checked" in a and a.get("name"):
                    self._form["fields"].append({"type": kind, "name": a["name"], "value": a.get("value", "on")})
            elif kind not in ("button", "reset", "file") and a.get("name"):
                self._form["fields"].append({"type": kind, "name": a["name"], "value": a.get("value", "")})
        elif tag == "button" and self._form is not None and a.get("type", "submit").lower() == "submit":
            self._button = {"name": a.get("name"), "value": a.get("value", ""), "text": ""}
            self._form["buttons"].append(self._button)
        elif tag == "select" and self._form is not None and a.get("name"):
            self._select = {"type": "select", "name": a["name"], "value": None}
            self._form["fields"].append(self._select)
        elif tag == "option" and self._select is not None:
            if self._select["value"] is None or "selected" in a:
                self._select["value"] = a.get("value", "")
        elif tag in ("code", "kbd", "pre", "samp"):
            self._code = ""

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        elif tag == "button":
            self._button = None
        elif tag == "select":
            self._select = None
        elif tag in ("code", "kbd", "pre", "samp") and self._code is not None:
            if self._code.strip():
                self.shown.append(self._code.strip())
            self._code = None

    def handle_data(self, data):
        if self._button is not None:
            self._button["text"] += data
        if self._code is not None:
            self._code += data


def says_no(button):
    words = f'{button["name"] or ""} {button["value"]} {button["text"]}'.lower()
    return any(word in words for word in REFUSALS)


def fields_of(form):
    return [(f["name"], f["value"] or "") for f in form["fields"]]


def sign_in_form(page):
    return next((f for f in page.forms if any(x["type"] == "password" for x in f["fields"])), None)


def fill_sign_in(form, login, password):
    """The form's fields, with the password and, in the last text or e-mail field before it, the login."""
    at = next(i for i, f in enumerate(form["fields"]) if f["type"] == "password")
    name_at = next((i for i in range(at - 1, -1, -1) if form["fields"][i]["type"] in ("text", "email", "search")), None)
    if name_at is None:
        raise FlowError("the sign-in form has no text or e-mail field before its password field")
    values = fields_of(form)
    values[at] = (values[at][0], password)
    values[name_at] = (values[name_at][0], login)
    return values + pressed(form)


def pressed(form):
    button = next((b for b in form["buttons"] if not says_no(b)), None)
    return [(button["name"], button["value"])] if button and button["name"] else []


def consent_form(page):
    """The first form with a submit button that does not say no; a page's search or language form has none that says yes."""
    asking = [f for f in page.forms if f["method"] == "post" and any(not says_no(b) for b in f["buttons"])]
    return asking[0] if asking else None


def same_place(url, base):
    a, b = urlsplit(url), urlsplit(base)
    return (a.scheme, a.netloc) == (b.scheme, b.netloc)


def authorize(session, url, login, password):
    """Follows `url` to the end: `{"code": …, "url": last address, "params": its query, "pages": how many were seen}`.

    A redirect off the server ends the walk without being fetched, so any redirect address will do.
    """
    base, method, data, signed_in = url, "GET", None, False
    for count in range(1, MAX_ANSWERS + 1):
        answer = session.request(method, url, data=data, allow_redirects=False, timeout=30)
        if answer.is_redirect:
            url, method, data = urljoin(url, answer.headers["Location"]), "GET", None
            params = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
            if "code" in params or "error" in params or not same_place(url, base):
                if "code" not in params:
                    raise FlowError(f"redirected to {url} without a code")
                return {"code": params["code"], "url": url, "params": params, "pages": count}
            continue
        page = Page(answer.text)
        form = sign_in_form(page)
        if form is not None and signed_in:
            raise SignInRefused(f"{url} answered {answer.status_code} and the sign-in form again")
        if answer.status_code != 200:
            raise FlowError(f"{method} {url} answered {answer.status_code}: {answer.text[:300]}")
        if form is not None:
            signed_in, data = True, fill_sign_in(form, login, password)
        else:
            form = consent_form(page)
            if form is None:
                if page.shown:
                    return {"code": page.shown[0], "url": url, "params": {}, "pages": count}
                raise FlowError(f"{url} shows neither a form to go on with nor a code: {answer.text[:300]}")
            data = fields_of(form) + pressed(form)
        url = urljoin(url, form["action"]) if form["action"] else url
        method = form["method"].upper()
        if method == "GET":
            url, data = url.partition("?")[0] + "?" + urlencode(data), None
    raise FlowError(f"still no code after {MAX_ANSWERS} answers")
