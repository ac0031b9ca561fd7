"""A small federation peer on apkit, with HTTP control endpoints, for loopback tests. See README.md.

    python peer.py PORT

Listens on 127.0.0.1 and ends with its standard input.
"""

import asyncio
import base64
import copy
import datetime
import email.utils
import hashlib
import json
import os
import pathlib
import sys
import time
import traceback
import uuid
import warnings

# apsig writes the local time into proofs and says it is UTC.
os.environ["TZ"] = "UTC"
time.tzset()

import aiohttp
import apkit
import apmodel
import http_sf
import httpx
from aiohttp import web
from apkit.client.asyncio import ActivityPubClient
from apkit.client.models import Link, Resource, WebfingerResult
from apkit.config import AppConfig
from apkit.helper.inbox import InboxVerifier
from apkit.models import (
    Accept,
    Activity,
    Actor,
    Announce,
    Create,
    CryptographicKey,
    Delete,
    Follow,
    Hashtag,
    Like,
    Mention,
    Multikey,
    Note,
    OrderedCollection,
    Person,
    Reject,
    Tombstone,
    Undo,
    Update,
)
from apkit.types import ActorKey
from apmodel._core._jsonjd.loader import PRELOAD_JSONLD_PATH_MAPPINGS
from apmodel.vocab.actor import ActorEndpoints
from apsig import ProofSigner, ProofVerifier
from apsig.draft import Signer, Verifier
from apsig.rfc9421 import RFC9421Signer, RFC9421Verifier
from apsig.tools import get_draft_signature_parts
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

# What apmodel cannot read it warns of, and leaves as it is.
warnings.simplefilter("ignore")

HERE = pathlib.Path(__file__).resolve().parent
PORT = int(sys.argv[1])
HOST = f"localhost:{PORT}"
ORIGIN = f"http://{HOST}"
AGENT = f"apkit-peer (apkit {apkit.__version__}; {ORIGIN})"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
CONTEXT = ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v1"]
TYPE = "application/activity+json"
# Contexts that apmodel lacks: it would fetch them from the web.
EXTRA_CONTEXTS = HERE / "contexts.json"
for url in json.loads(EXTRA_CONTEXTS.read_text())["urls"]:
    PRELOAD_JSONLD_PATH_MAPPINGS.setdefault(url, str(EXTRA_CONTEXTS))


# ---------------------------------------------------------------- actors and their keys
class Keys:
    """A pair of each kind."""

    def __init__(self, stored):
        self.rsa = serialization.load_pem_private_key(stored["rsa"].encode(), password=None)
        self.ed25519 = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(stored["ed25519"]))


KEYS = {name: Keys(stored) for name, stored in json.loads((HERE / "keys.json").read_text()).items()}


class Local:
    """An actor here. Whoever is asked for is there."""

    def __init__(self, name):
        self.name = name
        self.uri = f"{ORIGIN}/users/{name}"
        self.keys = KEYS.get(name) or KEYS["everyone"]
        self.followers = {}  # id -> inbox
        self.following = []

    @property
    def rsa_id(self):
        return f"{self.uri}#main-key"

    @property
    def ed25519_id(self):
        return f"{self.uri}#ed25519-key"

    def new_id(self, kind):
        return f"{self.uri}#{kind}/{uuid.uuid4()}"

    def document(self):
        public = CryptographicKey(id=self.rsa_id, owner=self.uri)
        public.public_key = self.keys.rsa
        multikey = Multikey(id=self.ed25519_id, controller=self.uri)
        multikey.public_key = self.keys.ed25519
        return apmodel.to_dict(
            Person(
                id=self.uri,
                preferred_username=self.name,
                name=self.name,
                url=f"{ORIGIN}/@{self.name}",
                inbox=f"{self.uri}/inbox",
                outbox=f"{self.uri}/outbox",
                followers=f"{self.uri}/followers",
                following=f"{self.uri}/following",
                endpoints=ActorEndpoints(shared_inbox=f"{ORIGIN}/inbox"),
                public_key=public,
                assertion_method=[multikey],
            )
        )


ACTORS = {}
OBJECTS = {}  # path -> document; None once it is deleted
DONE = {}  # id -> activity that was sent


def local(name):
    if name not in ACTORS:
        ACTORS[name] = Local(name)
    return ACTORS[name]


# ---------------------------------------------------------------- what is remembered
class Log:
    """Records in order, each with a number; whoever wants some can wait for them."""

    def __init__(self):
        self.records = []
        self.change = asyncio.Condition()

    async def add(self, record):
        async with self.change:
            record["n"] = len(self.records) + 1
            self.records.append(record)
            self.change.notify_all()

    async def find(self, query):
        def matching():
            return [record for record in self.records if matches(record, query)]

        if "wait" in query:
            count = int(query.get("count", 1))
            async with self.change:
                enough = self.change.wait_for(lambda: len(matching()) >= count)
                try:
                    await asyncio.wait_for(enough, float(query["wait"]))
                except TimeoutError:
                    pass
        return matching()


def matches(record, query):
    activity = record.get("json") if isinstance(record.get("json"), dict) else {}
    return (
        record["n"] > int(query.get("since", 0))
        and query.get("type", activity.get("type")) == activity.get("type")
        and query.get("actor", activity.get("actor")) == activity.get("actor")
        and query.get("method", record.get("method")) == record.get("method")
        and query.get("path", "") in str(record.get("path"))
        and query.get("contains", "") in json.dumps(record)
    )


REQUESTS = Log()  # everything asked of this peer
RECEIVED = Log()  # activities that the library verified
OUTGOING = Log()  # everything posted by this peer


# ---------------------------------------------------------------- verification, all of it apkit's
INBOX = InboxVerifier(AppConfig())
OTHERS = {}  # actors elsewhere


async def actor_elsewhere(uri, anew=False):
    if anew or uri not in OTHERS:
        async with ActivityPubClient(user_agent=AGENT) as client:
            OTHERS[uri] = await client.actor.fetch(uri)
    actor = OTHERS[uri]
    if not isinstance(actor, Actor):
        raise ValueError(f"{uri} is no actor")
    return actor


async def by_key(key_id, verify):
    """Has a signature checked by the key of that id, as known and as it is now."""
    for anew in (False, True):
        try:
            owner = await actor_elsewhere(key_id.split("#")[0], anew)
            listed = owner.get_key(key_id)
            if listed is None:
                raise ValueError(f"{owner.id} does not list {key_id}")
            verify(listed.public_key)
            return {"ok": True, "keyId": key_id, "owner": owner.id}
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
    return {"ok": False, "keyId": key_id, "reason": reason}


async def verify_http(method, path, headers, body):
    """The HTTP signature of a request, by apsig's verifier for its kind."""
    if "signature-input" in headers:
        parsed = http_sf.parse(headers["signature-input"].encode(), tltype="dictionary")
        key_id = str(next(iter(parsed.values()))[1]["keyid"])

        def verify(key):
            verifier = RFC9421Verifier(key, method, path.split("?")[0], headers["host"], headers, body)
            verifier.verify(raise_on_fail=True)

    else:
        key_id = get_draft_signature_parts(headers["signature"])["keyId"]

        def verify(key):
            Verifier(key, method, ORIGIN + path, headers, body).verify(raise_on_fail=True)

    return await by_key(key_id, verify)


async def verify_proof(document):
    """The integrity proof of a document, by apsig's verifier. It is its actor's, or nothing."""
    method = document["proof"].get("verificationMethod", "")

    def verify(key):
        # apsig takes the document apart.
        ProofVerifier(key).verify(copy.deepcopy(document), raise_on_fail=True)

    found = await by_key(method, verify)
    if found["ok"] and found["owner"] != document.get("actor"):
        return {"ok": False, "keyId": method, "reason": "the key is not the actor's"}
    return found


async def verification(record, body):
    found = {}
    if record["sig"]:
        found["http"] = await verify_http(record["method"], record["path"], record["headers"], body)
    if isinstance(record.get("json"), dict) and isinstance(record["json"].get("proof"), dict):
        found["proof"] = await verify_proof(record["json"])
    return found


# ---------------------------------------------------------------- the inbox
async def inbox(record, body):
    url = httpx.URL(ORIGIN + record["path"])
    if not await INBOX.verify(body, url, "POST", record["headers"]):
        return web.json_response({"error": "not signed as it has to be"}, status=401)
    # apmodel writes into what it reads.
    activity = apmodel.load(json.loads(body))
    if not isinstance(activity, Activity):
        return web.json_response({"error": "not understood"}, status=400)
    taken = {
        "type": type(activity).__name__,
        # What the library makes of the object: the name of its class, `str` for a URI.
        "object": type(activity.object).__name__,
        "verified": sorted(
            record["sig"] if kind == "http" else kind
            for kind, found in record["verification"].items()
            if found["ok"]
        ),
        "json": record["json"],
    }
    await react(activity, record["json"])
    await RECEIVED.add(taken)
    return web.Response(status=202)


async def react(activity, document):
    by, about = document["actor"], document["object"]
    about_id = about["id"] if isinstance(about, dict) else about
    if isinstance(activity, Follow):
        me = local_of(about_id)
        me.followers[by] = (await actor_elsewhere(by)).inbox
        accept = Accept(id=me.new_id("accept"), actor=me.uri, object=activity)
        in_background(post(me, apmodel.to_dict(accept), [me.followers[by]]))
    elif isinstance(activity, Accept) and about_id in DONE:
        local_of(about_id).following.append(by)
    elif isinstance(activity, Reject) and about_id in DONE:
        me = local_of(about_id)
        me.following = [uri for uri in me.following if uri != by]
    elif isinstance(activity, Undo) and isinstance(activity.object, Follow):
        local_of(about["object"]).followers.pop(by, None)


def local_of(uri):
    path = uri.removeprefix(f"{ORIGIN}/users/")
    if path == uri:
        raise ValueError(f"{uri} is not here")
    return local(path.split("/")[0].split("#")[0])


TASKS = set()


def in_background(work):
    task = asyncio.create_task(work)
    TASKS.add(task)
    task.add_done_callback(TASKS.discard)


# ---------------------------------------------------------------- sending
async def post(me, document, inboxes):
    """Posts as apkit does it: with a proof, and signed by draft-cavage."""
    DONE[document["id"]] = document
    document = {**document, "@context": CONTEXT}
    # The proof first: the digest is of the whole.
    keys = [ActorKey(me.ed25519_id, me.keys.ed25519), ActorKey(me.rsa_id, me.keys.rsa)]
    async with ActivityPubClient(user_agent=AGENT) as client:
        for url in dict.fromkeys(inboxes):
            request = client.post(
                url,
                json=document,
                headers={"content-type": TYPE},
                signatures=keys,
                sign_with=["draft-cavage", "fep8b32"],
            )
            record = {"method": "POST", "path": url, "sig": "cavage", "json": document}
            try:
                async with request as response:
                    record["status"] = response.status
                    record["answer"] = await response.text()
            except aiohttp.ClientError as error:
                record["error"] = repr(error)
            await OUTGOING.add(record)


def changed(text):
    return base64.b64encode(hashlib.sha256(text).digest()).decode()


async def deliver(me, what):
    """One attempt, signed as it is wanted, with what is wanted to be wrong."""
    tamper = what.get("tamper") or []
    tamper = [tamper] if isinstance(tamper, str) else tamper
    document = {"@context": CONTEXT, "actor": me.uri, "id": me.new_id("raw"), **what["activity"]}
    if what.get("proof"):
        maker = local(what.get("proofBy", me.name))
        options = {
            "type": "DataIntegrityProof",
            "cryptosuite": "eddsa-jcs-2022",
            "created": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "verificationMethod": what.get("proofMethod", me.ed25519_id),
            "proofPurpose": "assertionMethod",
        }
        document = ProofSigner(maker.keys.ed25519).sign(document, {**options, **what.get("proofOptions", {})})
    document.update(what.get("afterProof", {}))
    body = json.dumps(document).encode()
    inbox = what.get("inbox") or (await resolve(what["target"])).inbox
    url = httpx.URL(inbox)
    host = url.netloc.decode()
    signer = local(what.get("signAs", me.name))
    key_id = what.get("keyId", signer.rsa_id)
    then = time.time() + what.get("skewSeconds", 0)
    headers = {"date": email.utils.formatdate(then, usegmt=True), "content-type": TYPE, "host": host}
    spec = what.get("spec", "cavage")
    if spec == "cavage":
        headers = Signer(headers, signer.keys.rsa, "POST", inbox, key_id, body).sign()
    elif spec == "rfc9421":
        headers = sign_rfc9421(signer.keys.rsa, key_id, url, headers, body, what.get("unaided"))
    headers = {name.lower(): value for name, value in headers.items()}
    if "body" in tamper:
        body += b" "
    if "digest" in tamper:
        if "digest" in headers:
            headers["digest"] = f"SHA-256={changed(body + b' ')}"
        else:
            headers["content-digest"] = f"sha-256=:{changed(body + b' ')}:"
    if "nodigest" in tamper:
        headers = {n: v for n, v in headers.items() if n not in ("digest", "content-digest")}
    if "signature" in tamper:
        headers["signature"] = spoiled(headers["signature"])
        headers.pop("authorization", None)
    if "date" in tamper:
        headers["date"] = email.utils.formatdate(then - 60, usegmt=True)
    if "host" in tamper:
        headers["host"] = "other.example"
    headers.pop("content-length", None)
    async with aiohttp.ClientSession() as session:
        async with session.post(inbox, data=body, headers=headers, allow_redirects=False) as answer:
            record = {
                "method": "POST",
                "path": inbox,
                "sig": spec,
                "status": answer.status,
                "answer": await answer.text(),
                "headers": headers,
                "json": document,
            }
    await OUTGOING.add(record)
    return record


def sign_rfc9421(key, key_id, url, headers, body, unaided):
    """By apsig's signer, which is told to cover the digest (alone it does not, and writes one that is malformed)."""
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    authority = url.netloc.decode()
    while True:
        signer = RFC9421Signer(key, key_id)
        if not unaided:
            signer.sign_headers = [*signer.sign_headers, "content-digest"]
            headers = {**headers, "content-digest": digest}
        signed = signer.sign("POST", url.path, authority, headers, body)
        if not unaided:
            signed["content-digest"] = digest
        # It looks at the clock twice: between two seconds, what it signs is not what it says.
        if RFC9421Verifier(key.public_key(), "POST", url.path, authority, signed, body).verify():
            return signed


def spoiled(signature):
    """The same with another letter in the middle of its longest part."""
    longest = max(signature.replace(":", '"').split('"'), key=len)
    middle = len(longest) // 2
    letter = "B" if longest[middle] == "A" else "A"
    return signature.replace(longest, longest[:middle] + letter + longest[middle + 1 :])


async def fetch(me, url, spec):
    """A GET, signed or not."""
    target = httpx.URL(url)
    headers = {"accept": TYPE, "host": target.netloc.decode()}
    if spec == "cavage":
        headers = Signer(headers, me.keys.rsa, "GET", url, me.rsa_id).sign()
    elif spec == "rfc9421":
        headers["date"] = email.utils.formatdate(usegmt=True)
        while True:
            signer = RFC9421Signer(me.keys.rsa, me.rsa_id)
            signer.sign_headers = ["date", "@method", "@path", "@authority"]
            signed = signer.sign("GET", target.path, headers["host"], headers)
            for name in ("content-digest", "content-length"):
                del signed[name]
            key = me.keys.rsa.public_key()
            if RFC9421Verifier(key, "GET", target.path, headers["host"], signed).verify():
                headers = signed
                break
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers=headers, allow_redirects=False) as answer:
            return {"status": answer.status, "body": await answer.text()}


async def resolve(target):
    """An actor by its handle or id. (apkit asks for handles over https only.)"""
    if target.startswith("@"):
        resource = Resource.parse(f"acct:{target[1:]}")
        url = f"http://{resource.host}/.well-known/webfinger?resource={resource}"
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as answer:
                found = WebfingerResult.from_dict(await answer.json(content_type=None))
        target = found.get(TYPE).href
    return await actor_elsewhere(target)


def inbox_of(actor):
    shared = actor.endpoints.shared_inbox if actor.endpoints else None
    return shared or actor.inbox


# ---------------------------------------------------------------- control
def now():
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def act(me, verb, what):
    """Does what is wanted; returns once it was delivered."""
    if verb == "deliver":
        return await deliver(me, what)
    to, answer = [], {}
    if what.get("target"):
        to.append(await resolve(what["target"]))
    if verb == "follow":
        [whom] = to
        document = apmodel.to_dict(Follow(id=me.new_id("follow"), actor=me.uri, object=whom.id))
    elif verb in ("like", "announce"):
        kind = {"like": Like, "announce": Announce}[verb]
        addressed = {"to": [PUBLIC], "cc": [f"{me.uri}/followers"]} if verb == "announce" else {}
        document = apmodel.to_dict(
            kind(id=me.new_id(verb), actor=me.uri, object=what["object"], **addressed)
        )
    elif verb == "undo":
        undone = apmodel.load({**copy.deepcopy(DONE[what["activityId"]]), "@context": CONTEXT})
        document = apmodel.to_dict(Undo(id=me.new_id("undo"), actor=me.uri, object=undone))
        if isinstance(undone, Follow):
            me.following = [uri for uri in me.following if uri != undone.object]
    elif verb == "note":
        note = await new_note(me, what, to)
        document = wrapped(me, Create, "create", note)
        answer["objectId"] = note["id"]
    elif verb == "edit":
        path = what["id"].removeprefix(ORIGIN)
        OBJECTS[path] = note = {**OBJECTS[path], "content": what["content"], "updated": now()}
        document = wrapped(me, Update, "update", note)
    elif verb == "delete":
        path = what["id"].removeprefix(ORIGIN)
        OBJECTS[path] = None
        document = apmodel.to_dict(
            Delete(id=me.new_id("delete"), actor=me.uri, object=Tombstone(id=what["id"]), to=[PUBLIC])
        )
    else:
        raise web.HTTPNotFound(text=f"nobody can {verb} here")
    to_followers = verb in ("announce", "note", "edit", "delete")
    inboxes = [inbox_of(actor) for actor in to]
    if to_followers and what.get("visibility") != "direct":
        inboxes += [inbox_of(await actor_elsewhere(uri)) for uri in me.followers]
    await post(me, document, inboxes)
    return {"id": document["id"], "activity": document, **answer}


async def new_note(me, what, to):
    followers = f"{me.uri}/followers"
    mentioned = [await resolve(handle) for handle in what.get("mentions", [])]
    to += mentioned
    ids = [actor.id for actor in mentioned]
    addressed = {
        "public": ([PUBLIC], [followers, *ids]),
        "unlisted": ([followers], [PUBLIC, *ids]),
        "private": ([followers], ids),
        "direct": (ids, []),
    }[what.get("visibility", "public")]
    path = f"/users/{me.name}/notes/{uuid.uuid4()}"
    tags = [Mention(href=actor.id, name=handle) for actor, handle in zip(mentioned, what.get("mentions", []))]
    tags += [Hashtag(href=f"{ORIGIN}/tags/{tag}", name=f"#{tag}") for tag in what.get("hashtags", [])]
    note = apmodel.to_dict(
        Note(
            id=ORIGIN + path,
            attributed_to=me.uri,
            content=what["content"],
            summary=what.get("summary"),
            published=now(),
            to=addressed[0],
            cc=addressed[1],
            tag=tags,
        )
    )
    # apmodel wants an object here, and takes no URI.
    if what.get("inReplyTo"):
        note["inReplyTo"] = what["inReplyTo"]
    OBJECTS[path] = note
    return note


def wrapped(me, kind, name, note):
    """An activity about a note; apmodel leaves a note with `inReplyTo` as it is."""
    bare = {key: value for key, value in note.items() if key != "@context"}
    activity = kind(id=me.new_id(name), actor=me.uri, object=None, to=note["to"], cc=note["cc"])
    return {**apmodel.to_dict(activity), "object": bare}


async def control(request):
    verb, query = request.match_info["verb"], dict(request.query)
    what = json.loads(await request.read() or b"{}")
    me = local(what.get("as") or query.get("as") or "alice")
    try:
        logs = {"requests": REQUESTS, "received": RECEIVED, "outgoing": OUTGOING}
        if verb in logs:
            answer = await logs[verb].find(query)
        elif verb == "info":
            answer = {"origin": ORIGIN, "apkit": apkit.__version__}
        elif verb == "followers":
            answer = list(me.followers)
        elif verb == "following":
            answer = me.following
        elif verb == "verify":
            answer = await verify_proof(what["json"])
        elif verb == "fetch":
            answer = await fetch(me, query["url"], query.get("spec", "cavage"))
        else:
            answer = await act(me, verb, what)
    except web.HTTPException:
        raise
    except Exception:
        return web.json_response({"error": traceback.format_exc()}, status=500)
    return web.json_response(answer)


# ---------------------------------------------------------------- the server
async def page(request):
    """What anybody may ask for."""
    path = request.path
    if path == "/.well-known/webfinger":
        resource = Resource.parse(request.query.get("resource", ""))
        if resource.host != HOST:
            return web.Response(status=404)
        links = [Link(rel="self", type=TYPE, href=local(resource.username).uri)]
        found = WebfingerResult(subject=resource, links=links).to_json()
        return web.json_response(found, content_type="application/jrd+json")
    if path in OBJECTS:
        found = OBJECTS[path]
        if found is None:
            gone = apmodel.to_dict(Tombstone(id=ORIGIN + path))
            return web.json_response(gone, status=410, content_type=TYPE)
        return web.json_response(found, content_type=TYPE)
    parts = path.strip("/").split("/")
    if len(parts) == 2 and parts[0] == "users":
        return web.json_response(local(parts[1]).document(), content_type=TYPE)
    if len(parts) == 3 and parts[0] == "users" and parts[2] in ("outbox", "followers", "following"):
        empty = apmodel.to_dict(OrderedCollection(id=ORIGIN + path, total_items=0, ordered_items=[]))
        return web.json_response(empty, content_type=TYPE)
    return web.Response(status=404)


async def serve(request):
    body = await request.read()
    headers = {name.lower(): value for name, value in request.headers.items()}
    record = {
        "method": request.method,
        "path": request.path_qs,
        "headers": headers,
        "sig": "rfc9421" if "signature-input" in headers else "cavage" if "signature" in headers else None,
    }
    try:
        if body:
            record["json"] = json.loads(body)
        record["verification"] = await verification(record, body)
        if request.method == "POST":
            answer = await inbox(record, body)
        else:
            answer = await page(request)
    except Exception:
        record["error"] = traceback.format_exc()
        answer = web.Response(status=500, text=record["error"])
    record["status"] = answer.status
    await REQUESTS.add(record)
    return answer


async def main():
    app = web.Application()
    app.router.add_route("*", "/control/{verb}", control)
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", PORT).start()
    print(json.dumps({"origin": ORIGIN}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(main())
