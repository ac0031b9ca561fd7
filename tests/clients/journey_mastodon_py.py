"""An unmodified Mastodon.py lives a day on the server: `journey_mastodon_py.py --help`."""

import argparse
import base64
import hashlib
import queue
import secrets
import threading
import time
import uuid
from urllib.parse import urlencode, urlsplit

from mastodon import Mastodon, StreamListener
from mastodon.errors import MastodonAPIError, MastodonIllegalArgumentError, MastodonNotFoundError, MastodonUnauthorizedError

from forms import SignInRefused, authorize
from journey import Journey, Kept, absent, eventually, png, refused, same, within

SCOPES = ["read", "write", "follow", "push"]
REDIRECT = "https://app.example/back"
OOB = "urn:ietf:wg:oauth:2.0:oob"


class Events(StreamListener):
    """Queues every event as (name, payload)."""

    def __init__(self):
        self.queue = queue.Queue()

    def on_any_event(self, name, data=None, for_stream=None):
        self.queue.put((name, data))

    def on_unknown_event(self, name, unknown_event=None):
        self.queue.put(("unknown", name))

    def on_websocket_error(self, error, for_stream=None):
        self.queue.put(("error", error))

    def wait(self, name, check, seconds=10):
        """The next event of that name for which check holds; others before it are passed over."""
        until, seen = time.monotonic() + seconds, []
        while time.monotonic() < until:
            try:
                got, data = self.queue.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                break
            if got == name and check(data):
                return data
            seen.append(got)
        raise AssertionError(f"no such '{name}' event within {seconds} s; seen: {seen}")


def ids(items):
    return [str(item.id) for item in items]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--base", required=True, help="the server's public address")
    arguments.add_argument("--user", required=True, help="user name of the account that signs in")
    arguments.add_argument("--email", required=True)
    arguments.add_argument("--password", required=True)
    arguments.add_argument("--other-token", required=True, help="token of a second local account")
    options = arguments.parse_args()
    base, host = options.base.rstrip("/"), urlsplit(options.base).netloc
    journey, kept, tag = Journey(), Kept(), f"kith{secrets.token_hex(4)}"
    step = journey.step

    def client(token=None, **more):
        return Mastodon(access_token=token, api_base_url=base, session=journey.session(), request_timeout=30,
                        ratelimit_method="throw", **more)

    # --- signing in ---------------------------------------------------------------------------------------------------
    with step("registers an app"):
        kept.app = Mastodon.create_app("Journey", scopes=SCOPES, redirect_uris=[OOB, REDIRECT], website="https://app.example",
                                       api_base_url=base, session=journey.session())
        assert all(kept.app)
    with step("accepts the server's version"):
        anonymous = client(client_id=kept.app[0], client_secret=kept.app[1])
        assert anonymous.verify_minimum_version("4.0.0"), "the version is not understood"
    with step("announces PKCE and its endpoints"):
        metadata = client().oauth_authorization_server_info()
        within("S256", metadata["code_challenge_methods_supported"])
        within("authorization_code", metadata["grant_types_supported"])
        assert metadata["token_endpoint"].startswith(base), metadata
    with step("refuses a wrong password on the sign-in page"):
        login = client(client_id=kept.app[0], client_secret=kept.app[1])
        url = login.auth_request_url(redirect_uris=OOB, scopes=SCOPES, allow_http=True)
        refused(SignInRefused, authorize, journey.session(), url, options.email, "not " + options.password)
    with step("signs in by e-mail, with the code shown for copying"):
        login = client(client_id=kept.app[0], client_secret=kept.app[1])
        url = login.auth_request_url(redirect_uris=OOB, scopes=SCOPES, allow_http=True)
        code = authorize(journey.session(), url, options.email, options.password)["code"]
        assert login.log_in(code=code, redirect_uri=OOB, scopes=SCOPES, allow_http=True)
        kept.alice, kept.code = login, code
    with step("takes a code only once"):
        again = client(client_id=kept.app[0], client_secret=kept.app[1])
        refused(MastodonIllegalArgumentError, again.log_in, code=kept.code, redirect_uri=OOB, scopes=SCOPES, allow_http=True)
        # Reuse of a code may, by RFC 6749, also end what it gave; then sign in anew.
        try:
            kept.alice.account_verify_credentials()
        except MastodonUnauthorizedError:
            url = kept.alice.auth_request_url(redirect_uris=OOB, scopes=SCOPES, allow_http=True)
            code = authorize(journey.session(), url, options.email, options.password)["code"]
            kept.alice.log_in(code=code, redirect_uri=OOB, scopes=SCOPES, allow_http=True)
    with step("signs in by user name, with a redirect that carries code and state"):
        login = client(client_id=kept.app[0], client_secret=kept.app[1])
        url = login.auth_request_url(redirect_uris=REDIRECT, scopes=SCOPES, state="a b&c", allow_http=True)
        end = authorize(journey.session(), url, options.user, options.password)
        assert end["url"].startswith(REDIRECT + "?"), end
        same(end["params"].get("state"), "a b&c")
        assert login.log_in(code=end["code"], redirect_uri=REDIRECT, scopes=SCOPES, allow_http=True)
        kept.second = login
    with step("does not redirect to an address that was not registered"):
        query = {"client_id": kept.app[0], "response_type": "code", "redirect_uri": "https://evil.example/", "scope": "read"}
        answer = journey.session().get(f"{base}/oauth/authorize?{urlencode(query)}", allow_redirects=False, timeout=30)
        assert 400 <= answer.status_code < 500, answer.status_code

    # Mastodon.py does not speak PKCE, so its requests are made by hand.
    def pkce(verifier, sent):
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {"client_id": kept.app[0], "response_type": "code", "redirect_uri": REDIRECT, "scope": "read",
                 "code_challenge": challenge, "code_challenge_method": "S256"}
        code = authorize(journey.session(), f"{base}/oauth/authorize?{urlencode(query)}", options.user, options.password)["code"]
        form = {"grant_type": "authorization_code", "client_id": kept.app[0], "client_secret": kept.app[1],
                "redirect_uri": REDIRECT, "code": code, "code_verifier": sent}
        return journey.session().post(f"{base}/oauth/token", data=form, timeout=30)

    with step("signs in with PKCE"):
        verifier = secrets.token_urlsafe(48)
        answer = pkce(verifier, verifier)
        same(answer.status_code, 200)
        token = answer.json()
        same(token["token_type"], "Bearer")
        assert isinstance(token["created_at"], int), token
        same(client(token["access_token"]).account_verify_credentials().username, options.user)
        kept.read_only = client(token["access_token"])
    with step("refuses a wrong PKCE verifier"):
        same(pkce(secrets.token_urlsafe(48), secrets.token_urlsafe(48)).status_code, 400)
    with step("refuses to write with a token of scope read"):
        refused(MastodonAPIError, kept.read_only.status_post, "not allowed")
    with step("verifies credentials"):
        kept.me = kept.alice.account_verify_credentials()
        same((kept.me.username, kept.me.acct), (options.user, options.user))
        assert kept.me.url.startswith(base) and kept.me.source is not None, kept.me
        kept.bob = client(options.other_token)
        kept.him = kept.bob.account_verify_credentials()
    if not kept.has("alice", "second", "me", "bob", "him"):
        print("Without signing in there is no going on.")
        journey.finish()
    with step("verifies the app"):
        same(kept.alice.app_verify_credentials().name, "Journey")

    # --- the instance -------------------------------------------------------------------------------------------------
    with step("reads instance v1"):
        v1 = client().instance_v1()
        same(v1.uri, host)
        assert int(v1.version.split(".")[0]) >= 4 and v1.urls.streaming_api, v1
    with step("reads instance v2"):
        v2 = client().instance_v2()
        same(v2.domain, host)
        assert v2.configuration.urls.streaming.startswith("ws"), v2.configuration
        assert v2.configuration.statuses.max_characters >= 500 and v2.api_versions.mastodon >= 1, v2
    with step("reads nodeinfo"):
        info = client().instance_nodeinfo("http://nodeinfo.diaspora.software/ns/schema/2.1")
        same(info.software.name, "kith")
        within("activitypub", info.protocols)

    # --- profile ------------------------------------------------------------------------------------------------------
    with step("updates the profile"):
        changed = kept.alice.account_update_credentials(
            display_name="Alice of the Journey", note="Walks & tests", locked=False, bot=False, discoverable=True,
            fields=[("Home", "https://home.example/"), ("Pronouns", "she/her")], avatar=png(seed=9), avatar_mime_type="image/png")
        same(changed.display_name, "Alice of the Journey")
        seen = kept.bob.account(kept.me.id)
        same((seen.display_name, [f.name for f in seen.fields]), ("Alice of the Journey", ["Home", "Pronouns"]))
        within("Walks", seen.note)
        assert seen.avatar != kept.me.avatar, "the avatar did not change"
        same(journey.session().get(seen.avatar, timeout=30).status_code, 200)
        same(kept.alice.account_verify_credentials().source.note, "Walks & tests")

    # --- posts --------------------------------------------------------------------------------------------------------
    with step("posts publicly"):
        kept.public = kept.alice.status_post(f"hello #{tag}", visibility="public", language="en")
        same((kept.public.visibility, kept.public.language, kept.public.account.id), ("public", "en", kept.me.id))
        same([t.name for t in kept.public.tags], [tag])
        assert kept.public.url.rstrip("/").split("/")[-1] == str(kept.public.id), kept.public.url
    with step("keeps plain text plain"):
        same(kept.alice.status_post("hello").content, "<p>hello</p>")
    with step("posts unlisted"):
        kept.unlisted = kept.alice.status_post("seldom listed", visibility="unlisted")
        same(kept.unlisted.visibility, "unlisted")
    with step("posts for followers, whom others are not among"):
        kept.private = kept.alice.status_post("for followers", visibility="private")
        same(kept.private.visibility, "private")
        refused(MastodonNotFoundError, kept.bob.status, kept.private.id)
    with step("posts directly to someone"):
        kept.direct = kept.alice.status_post(f"@{kept.him.acct} just you", visibility="direct")
        same([str(m.id) for m in kept.direct.mentions], [str(kept.him.id)])
        same(str(kept.bob.status(kept.direct.id).id), str(kept.direct.id))
        refused(MastodonNotFoundError, client().status, kept.direct.id)
    with step("posts with a content warning"):
        warned = kept.alice.status_post("the murderer is the butler", spoiler_text="ending of a book", sensitive=True)
        same((warned.spoiler_text, warned.sensitive), ("ending of a book", True))
    with step("posts in another language"):
        same(kept.alice.status_post("Guten Morgen", language="de").language, "de")
    with step("posts once for one idempotency key"):
        key = str(uuid.uuid4())
        first = kept.alice.status_post("only once", idempotency_key=key)
        same(str(kept.alice.status_post("only once", idempotency_key=key).id), str(first.id))
    with step("refuses an empty post"):
        refused(MastodonAPIError, kept.alice.status_post, "")
    with step("refuses a post that is too long"):
        limit = client().instance_v2().configuration.statuses.max_characters
        refused(MastodonAPIError, kept.alice.status_post, "x" * (limit + 1))
    with step("edits a post"):
        edited = kept.alice.status_update(kept.public.id, f"hello again #{tag}")
        within("hello again", edited.content)
        assert edited.edited_at is not None, "edited_at is not set"
        within("hello again", kept.bob.status(kept.public.id).content)
    with step("does not edit another's post"):
        refused(MastodonAPIError, kept.bob.status_update, kept.public.id, "mine now")

    # --- threads ------------------------------------------------------------------------------------------------------
    with step("replies"):
        kept.reply = kept.bob.status_reply(kept.public, "and hello to you")
        same((str(kept.reply.in_reply_to_id), str(kept.reply.in_reply_to_account_id)), (str(kept.public.id), str(kept.me.id)))
        same([m.acct for m in kept.reply.mentions], [options.user])
    with step("shows a thread from both ends"):
        kept.back = kept.alice.status_reply(kept.reply, "thanks")
        below = kept.alice.status_context(kept.public.id)
        same((ids(below.ancestors), ids(below.descendants)), ([], [str(kept.reply.id), str(kept.back.id)]))
        above = kept.alice.status_context(kept.back.id)
        same((ids(above.ancestors), ids(above.descendants)), ([str(kept.public.id), str(kept.reply.id)], []))
        same(kept.alice.status(kept.public.id).replies_count, 1)

    # --- reactions ----------------------------------------------------------------------------------------------------
    with step("favourites, twice the same, and takes it back"):
        same(kept.bob.status_favourite(kept.public.id).favourited, True)
        kept.bob.status_favourite(kept.public.id)
        seen = kept.alice.status(kept.public.id)
        same((seen.favourites_count, seen.favourited), (1, False))
        same(ids(kept.alice.status_favourited_by(kept.public.id)), [str(kept.him.id)])
        within(str(kept.public.id), ids(kept.bob.favourites()))
        same(kept.bob.status_unfavourite(kept.public.id).favourited, False)
        same(kept.alice.status(kept.public.id).favourites_count, 0)
        kept.bob.status_favourite(kept.public.id)
    with step("reblogs and takes it back"):
        boost = kept.bob.status_reblog(kept.public.id)
        same((str(boost.reblog.id), boost.reblog.reblogged), (str(kept.public.id), True))
        same(kept.alice.status(kept.public.id).reblogs_count, 1)
        same(ids(kept.alice.status_reblogged_by(kept.public.id)), [str(kept.him.id)])
        same(kept.bob.status_unreblog(kept.public.id).reblogged, False)
        same(kept.alice.status(kept.public.id).reblogs_count, 0)
        kept.bob.status_reblog(kept.public.id)
    with step("does not reblog what is for followers"):
        refused(MastodonAPIError, kept.bob.status_reblog, kept.private.id)
    with step("bookmarks and takes it back"):
        same(kept.bob.status_bookmark(kept.public.id).bookmarked, True)
        within(str(kept.public.id), ids(kept.bob.bookmarks()))
        same(kept.bob.status_unbookmark(kept.public.id).bookmarked, False)
        absent(str(kept.public.id), ids(kept.bob.bookmarks()))

    # --- relations ----------------------------------------------------------------------------------------------------
    def relation(who, whom):
        return who.account_relationships(whom.id)[0]

    with step("follows"):
        same(kept.alice.account_follow(kept.him.id).following, True)
        same(relation(kept.bob, kept.me).followed_by, True)
        within(str(kept.him.id), ids(kept.alice.account_following(kept.me.id)))
        within(str(kept.me.id), ids(kept.alice.account_followers(kept.him.id)))
        same(kept.alice.account(kept.him.id).followers_count, 1)
    with step("does not follow itself"):
        refused(MastodonAPIError, kept.alice.account_follow, kept.me.id)
    with step("unfollows"):
        same(kept.alice.account_unfollow(kept.him.id).following, False)
        same(kept.alice.account(kept.him.id).followers_count, 0)
    with step("asks a locked account, which says yes"):
        kept.bob.account_update_credentials(locked=True)
        asked = kept.alice.account_follow(kept.him.id)
        same((asked.following, asked.requested), (False, True))
        within(str(kept.me.id), ids(kept.bob.follow_requests()))
        same(kept.bob.follow_request_authorize(kept.me.id).followed_by, True)
        now = relation(kept.alice, kept.him)
        same((now.following, now.requested), (True, False))
        absent(str(kept.me.id), ids(kept.bob.follow_requests()))
    with step("asks a locked account, which says no"):
        kept.alice.account_unfollow(kept.him.id)
        same(kept.alice.account_follow(kept.him.id).requested, True)
        kept.bob.follow_request_reject(kept.me.id)
        now = relation(kept.alice, kept.him)
        same((now.following, now.requested), (False, False))
        kept.bob.account_update_credentials(locked=False)
        same(kept.alice.account_follow(kept.him.id).following, True)
    # --- notifications ------------------------------------------------------------------------------------------------
    with step("lists notifications"):
        def enough():
            types = {n.type for n in kept.alice.notifications(limit=40)}
            return types if {"mention", "favourite", "reblog"} <= types else None

        eventually("mention, favourite and reblog notifications", enough)
        favourite = kept.alice.notifications(types=["favourite"])
        same({n.type for n in favourite}, {"favourite"})
        same((str(favourite[0].status.id), str(favourite[0].account.id)), (str(kept.public.id), str(kept.him.id)))
        absent("mention", {n.type for n in kept.alice.notifications(exclude_types=["mention"])})
        eventually("a follow notification", lambda: "follow" in {n.type for n in kept.bob.notifications(limit=40)})
    with step("dismisses a notification"):
        one = kept.alice.notifications()[0]
        same(str(kept.alice.notifications(id=one.id).id), str(one.id))
        kept.alice.notifications_dismiss(one.id)
        absent(str(one.id), ids(kept.alice.notifications()))
    with step("clears notifications"):
        kept.alice.notifications_clear()
        same(list(kept.alice.notifications()), [])

    # --- people one would rather not see ------------------------------------------------------------------------------
    with step("mutes and unmutes"):
        same(kept.alice.account_mute(kept.him.id).muting, True)
        within(str(kept.him.id), ids(kept.alice.mutes()))
        same(kept.alice.account_unmute(kept.him.id).muting, False)
    with step("blocks, which ends the follow, and unblocks"):
        same(kept.alice.account_block(kept.him.id).blocking, True)
        within(str(kept.him.id), ids(kept.alice.blocks()))
        same(relation(kept.alice, kept.him).following, False)
        refused(MastodonNotFoundError, kept.bob.status, kept.public.id)
        same(kept.alice.account_unblock(kept.him.id).blocking, False)
        same(kept.alice.account_follow(kept.him.id).following, True)

    # --- timelines ----------------------------------------------------------------------------------------------------
    with step("fills timelines"):
        kept.series = [str(kept.bob.status_post(f"number {n} #{tag}page").id) for n in range(7)]
        newest = kept.series[-1]
        eventually("the home timeline of a follower", lambda: newest in ids(kept.alice.timeline_home()))
        for name in ("public", "local"):
            within(newest, ids(client().timeline(name)))
        same(ids(client().timeline_hashtag(f"{tag}page")), kept.series[::-1])
        within(newest, ids(client().account_statuses(kept.him.id)))
    with step("keeps unlisted and private posts out of public timelines"):
        shown = ids(kept.alice.timeline_public(limit=40))
        absent(str(kept.unlisted.id), shown)
        absent(str(kept.private.id), shown)
        account = ids(client().account_statuses(kept.me.id, limit=40))
        within(str(kept.unlisted.id), account)
        absent(str(kept.private.id), account)
        absent(str(kept.direct.id), account)

    def pages(first, step_on, wanted):
        seen, page = [], first
        while page:
            seen.append(ids(page))
            if len(seen) > 10:
                raise AssertionError(f"no end of pages: {seen}")
            page = step_on(page)
        same(seen, wanted)

    with step("pages a timeline onwards by its links"):
        newest_first, anonymous = kept.series[::-1], client()
        pages(anonymous.timeline_hashtag(f"{tag}page", limit=3), anonymous.fetch_next,
              [newest_first[:3], newest_first[3:6], newest_first[6:]])
    with step("pages a timeline back by its links"):
        anonymous = client()
        first = anonymous.timeline_hashtag(f"{tag}page", limit=3)
        back = anonymous.fetch_previous(anonymous.fetch_next(first))
        same(ids(back), ids(first))
        same(list(anonymous.fetch_previous(first) or []), [])
    with step("pages by min_id towards the new"):
        same(ids(client().timeline_hashtag(f"{tag}page", min_id=kept.series[1], limit=2)), [kept.series[3], kept.series[2]])
    with step("pages the home timeline"):
        page = kept.alice.timeline_home(limit=4)
        following = kept.alice.fetch_next(page)
        assert following and not set(ids(page)) & set(ids(following)), (ids(page), ids(following))
        same(sorted(ids(page) + ids(following), key=int, reverse=True), ids(page) + ids(following))
    with step("filters an account's posts"):
        absent(str(kept.back.id), ids(kept.alice.account_statuses(kept.me.id, exclude_replies=True, limit=40)))
        absent("reblog", [("reblog" if s.reblog else "own") for s in kept.alice.account_statuses(kept.him.id, exclude_reblogs=True)])

    # --- media --------------------------------------------------------------------------------------------------------
    with step("uploads a picture"):
        uploaded = kept.alice.media_post(png(), mime_type="image/png", description="a gradient", focus=(0.5, -0.25))
        kept.picture = eventually("the picture processed", lambda: (m := kept.alice.media(uploaded.id)).url and m)
        same((kept.picture.type, kept.picture.description), ("image", "a gradient"))
        same((kept.picture.meta.original.width, kept.picture.meta.original.height), (64, 48))
        assert kept.picture.blurhash, "no blurhash"
    with step("posts the picture"):
        shown = kept.alice.status_post("look", media_ids=[kept.picture.id])
        same([m.description for m in shown.media_attachments], ["a gradient"])
        for url in (shown.media_attachments[0].url, shown.media_attachments[0].preview_url):
            answer = journey.session().get(url, timeout=30)
            same(answer.status_code, 200)
            assert answer.headers["Content-Type"].startswith("image/"), answer.headers
        within(str(shown.id), ids(client().account_statuses(kept.me.id, only_media=True)))
    with step("does not post another's picture"):
        mine = kept.alice.media_post(png(seed=3), mime_type="image/png")
        refused(MastodonAPIError, kept.bob.status_post, "stolen", media_ids=[mine.id])
    with step("refuses an upload that is no media"):
        refused(MastodonAPIError, kept.alice.media_post, b"just words", mime_type="image/png")

    # --- search -------------------------------------------------------------------------------------------------------
    with step("finds an account by name"):
        within(str(kept.him.id), ids(kept.alice.search_v2(kept.him.username, result_type="accounts").accounts))
        within(str(kept.him.id), ids(kept.alice.account_search(kept.him.username)))
    with step("finds an account by handle"):
        same(ids(kept.alice.search_v2(f"@{kept.him.username}@{host}", resolve=True).accounts), [str(kept.him.id)])
        same(str(kept.alice.account_lookup(kept.him.acct).id), str(kept.him.id))
    with step("finds an account and a post by address"):
        same(ids(kept.alice.search_v2(kept.him.url, resolve=True).accounts), [str(kept.him.id)])
        same(ids(kept.bob.search_v2(kept.public.url, resolve=True).statuses), [str(kept.public.id)])
    with step("finds a hashtag"):
        within(tag, [t.name for t in kept.alice.search_v2(f"#{tag}", result_type="hashtags").hashtags])

    # --- streams ------------------------------------------------------------------------------------------------------
    def streams(name, opening):
        """The three events of a user's stream, over whatever `opening` opens."""
        with step(f"{name}: opens"):
            listener = Events()
            handle = opening(listener)
            kept.stream, kept.listener = handle, listener
        with step(f"{name}: update"):
            posted = kept.bob.status_post(f"streamed over {name}")
            same(kept.listener.wait("update", lambda s: str(s.id) == str(posted.id)).account.acct, kept.him.acct)
            kept.posted = posted
        with step(f"{name}: edit"):
            kept.bob.status_update(kept.posted.id, f"streamed and edited over {name}")
            kept.listener.wait("status.update", lambda s: str(s.id) == str(kept.posted.id))
        with step(f"{name}: notification"):
            mention = kept.bob.status_post(f"@{options.user} over {name}")
            kept.listener.wait("notification", lambda n: n.type == "mention" and str(n.status.id) == str(mention.id))
        with step(f"{name}: delete"):
            kept.bob.status_delete(kept.posted.id)
            kept.listener.wait("delete", lambda i: str(i) == str(kept.posted.id))
        with step(f"{name}: closes"):
            # Closing waits for the thread that reads, and that waits for something to read.
            closing = threading.Thread(target=kept.stream.close, daemon=True)
            closing.start()
            kept.bob.status_post(f"the last over {name}")
            closing.join(10)
            assert not closing.is_alive(), "it did not close"

    def over_sse(listener):
        handle = kept.second.stream_user(listener, run_async=True, timeout=60)
        eventually("the stream connected", lambda: handle.is_receiving() and handle.connection is not None)
        return handle

    def over_websocket(listener):
        handle = kept.second.stream_open_websocket(listener=listener, timeout=60)
        kept.second.stream_user(listener, websocket_handle=handle)
        eventually("the socket connected", handle.is_receiving)
        # A subscription is not answered; a post that is seen tells that it holds.
        probe = kept.bob.status_post("is anyone there?")
        listener.wait("update", lambda s: str(s.id) == str(probe.id))
        return handle

    with step("says that streaming is healthy"):
        same(kept.alice.stream_healthy(), True)
    streams("event stream", over_sse)
    streams("WebSocket", over_websocket)
    with step("streams the local timeline and a hashtag over one WebSocket"):
        local, hashed = Events(), Events()
        with kept.second.stream_open_websocket(timeout=60) as socket:
            kept.second.stream_local(local, websocket_handle=socket)
            kept.second.stream_hashtag(f"{tag}live", hashed, websocket_handle=socket)
            time.sleep(0.5)
            live = kept.bob.status_post(f"now #{tag}live")
            local.wait("update", lambda s: str(s.id) == str(live.id))
            hashed.wait("update", lambda s: str(s.id) == str(live.id))
    with step("does not stream without a token"):
        answer = journey.session().get(f"{base}/api/v1/streaming/user", stream=True, timeout=10)
        same(answer.status_code, 401)
        answer.close()

    # --- the end ------------------------------------------------------------------------------------------------------
    with step("deletes a post and gets its source"):
        doomed = kept.alice.status_post("to be *rewritten*")
        same(kept.alice.status_delete(doomed.id).text, "to be *rewritten*")
        refused(MastodonNotFoundError, kept.alice.status, doomed.id)
    with step("does not delete another's post"):
        refused(MastodonNotFoundError, kept.bob.status_delete, kept.public.id)
    with step("ends a stream with its token"):
        listener = Events()
        kept.stream = over_sse(listener)
        sign_out(kept.second)
        eventually("the stream ended", lambda: not kept.stream.is_receiving(), seconds=15)
    with step("signs out, after which the token is worth nothing"):
        token = kept.alice.access_token
        sign_out(kept.alice)
        refused(MastodonUnauthorizedError, client(token).account_verify_credentials)
    with step("leaves other tokens alone"):
        same(kept.bob.account_verify_credentials().id, kept.him.id)
    journey.finish()


def sign_out(client):
    """Mastodon.py will not use a revocation address over plain http that the server announces, only the one it guesses."""
    client.oauth_authorization_server_info = dict
    client.revoke_access_token()


if __name__ == "__main__":
    main()
