"""An unmodified toot, the command line client, used as a person uses it: `journey_toot.py --help`."""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from forms import authorize
from journey import Journey, Kept, absent, eventually, png, same, within


class Toot:
    """Runs `toot` with a configuration of its own."""

    def __init__(self, home):
        self.program = str(Path(sys.executable).parent / "toot")
        self.environment = {
            "HOME": home, "XDG_CONFIG_HOME": home, "PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8",
            "PYTHONIOENCODING": "utf-8", "NO_PROXY": "*", "BROWSER": "true",
        }

    def __call__(self, *arguments, may_fail=False):
        """What it prints; fails when it does."""
        done = subprocess.run([self.program, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, encoding="utf-8", timeout=60)
        if may_fail:
            return done
        # Some versions of toot report an error on stderr and still exit with 0.
        if done.returncode != 0 or "Error:" in done.stderr or "Traceback" in done.stderr:
            raise AssertionError(f"toot {' '.join(arguments)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self(*arguments, "--json"))

    def login(self, base, session, login, password):
        """`toot login`: it prints an address, a browser goes there, and the code shown is typed in."""
        process = subprocess.Popen([self.program, "login", "--instance", base], env=self.environment, text=True, encoding="utf-8",
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            said, url = [], None
            for line in process.stdout:
                said.append(line)
                if line.strip().startswith(base + "/oauth/authorize"):
                    url = line.strip()
                    break
            if url is None:
                raise AssertionError("toot login gave no address: " + "".join(said))
            code = authorize(session, url, login, password)["code"]
            rest, _ = process.communicate(f"n\n{code}\n", timeout=60)
            if process.returncode != 0 or "Successfully logged in" not in rest:
                raise AssertionError(f"toot login: exit status {process.returncode}\n{''.join(said)}{rest}")
        finally:
            process.kill()
            process.wait()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--base", required=True, help="the server's public address")
    arguments.add_argument("--user", required=True, help="user name of the account that signs in")
    arguments.add_argument("--email", required=True)
    arguments.add_argument("--password", required=True)
    arguments.add_argument("--other", required=True, help="user name of a second local account")
    arguments.add_argument("--other-email", required=True)
    arguments.add_argument("--other-password", required=True)
    options = arguments.parse_args()
    base, host = options.base.rstrip("/"), urlsplit(options.base).netloc
    with tempfile.TemporaryDirectory(prefix="kith-toot-") as home:
        journey = Journey()
        walk(journey, options, base, host, home)
    journey.finish()


def ids(items):
    return [str(item["id"]) for item in items]


def walk(journey, options, base, host, home):
    kept, tag, step = Kept(), f"toot{secrets.token_hex(4)}", journey.step
    toot = Toot(home)
    picture = Path(home) / "picture.png"
    picture.write_bytes(png(seed=40))

    # --- signing in: the second account first, so that the first is the active one --------------------------------------
    for name, email, password in ((options.other, options.other_email, options.other_password),
                                  (options.user, options.email, options.password)):
        with step(f"signs in as {name}"):
            toot.login(base, journey.session(), email, password)
    with step("lists its sign-ins"):
        listed = toot("auth")
        within(f"{options.user}@{host} ACTIVE", listed)
        within(f"{options.other}@{host}", listed)
    with step("knows who it is"):
        kept.me = toot.json("whoami")
        same(kept.me["username"], options.user)
        within(f"@{options.user}", toot("whoami"))

    def other(*arguments, **named):
        """The same command by the second account."""
        return toot("--as", f"{options.other}@{host}", *arguments, **named)

    def other_json(*arguments):
        return json.loads(other(*arguments, "--json"))

    with step("knows the second account"):
        kept.him = other_json("whoami")
        same(kept.him["username"], options.other)
    if not kept.has("me", "him"):
        print("Without signing in there is no going on.")
        return
    with step("reads the instance, as strictly as it does"):
        within(host, toot("instance"))

    # --- posting ------------------------------------------------------------------------------------------------------
    with step("posts"):
        kept.first = toot.json("post", f"hello from toot #{tag}")
        same((kept.first["visibility"], kept.first["account"]["acct"]), ("public", options.user))
    with step("posts for followers, with a content warning and a language"):
        hidden = toot.json("post", "hush", "--visibility", "private", "--spoiler-text", "quiet", "--sensitive", "--language", "de")
        same((hidden["visibility"], hidden["spoiler_text"], hidden["language"]), ("private", "quiet", "de"))
    with step("says where a post went"):
        within(base, toot("post", "where am I?"))
    with step("shows a post"):
        within(f"hello from toot #{tag}", toot("status", kept.first["id"]))
    with step("shows a post by its address"):
        within("Status favourited", toot("favourite", kept.first["url"]))
        same(toot.json("status", kept.first["id"])["favourited"], True)
        toot("unfavourite", kept.first["id"])
    with step("uploads"):
        uploaded = toot.json("upload", str(picture), "--description", "a gradient")
        same((uploaded["type"], uploaded["description"]), ("image", "a gradient"))
    with step("posts a picture"):
        posted = toot.json("post", "look", "--media", str(picture), "--description", "a gradient")
        same([m["description"] for m in posted["media_attachments"]], ["a gradient"])

    # --- answering ----------------------------------------------------------------------------------------------------
    with step("replies, by the second account"):
        kept.reply = other_json("post", f"@{options.user} hello back", "--reply-to", kept.first["id"])
        same(kept.reply["in_reply_to_id"], kept.first["id"])
    with step("shows a thread"):
        thread = toot.json("thread", kept.first["id"])
        same((ids(thread["ancestors"]), ids(thread["descendants"])), ([], [kept.reply["id"]]))
        shown = toot("thread", kept.reply["id"])
        assert shown.index("hello from toot") < shown.index("hello back"), shown
    with step("favourites"):
        same(json.loads(other("favourite", kept.first["id"], "--json"))["favourited"], True)
        same(toot.json("status", kept.first["id"])["favourites_count"], 1)
    with step("reblogs and takes it back"):
        same(other_json("reblog", kept.first["id"])["reblog"]["id"], kept.first["id"])
        within(options.other, toot("reblogged-by", kept.first["id"]))
        other("unreblog", kept.first["id"])
        same(toot.json("status", kept.first["id"])["reblogs_count"], 0)
        other("reblog", kept.first["id"])
    with step("bookmarks"):
        toot("bookmark", kept.reply["id"])
        within("hello back", toot("bookmarks", "--once"))
        toot("unbookmark", kept.reply["id"])
        same(toot.json("status", kept.reply["id"])["bookmarked"], False)

    # --- people -------------------------------------------------------------------------------------------------------
    with step("follows and unfollows"):
        same(toot.json("follow", options.other)["following"], True)
        within(f"@{options.other}", toot("following", options.user))
        within(f"@{options.user}", toot("followers", options.other))
        same(toot.json("unfollow", options.other)["following"], False)
    with step("follows by full handle"):
        same(toot.json("follow", f"@{options.other}@{host}")["following"], True)
    with step("shows an account"):
        within(f"@{options.other}", toot("whois", options.other))
    with step("mutes and blocks, and undoes both"):
        same(toot.json("mute", options.other)["muting"], True)
        same(toot.json("unmute", options.other)["muting"], False)
        same(other_json("block", options.user)["blocking"], True)
        same(other_json("unblock", options.user)["blocking"], False)
        same(toot.json("follow", options.other)["following"], True)
    with step("changes the profile"):
        same(toot.json("update-account", "--display-name", "Toot of the Journey", "--note", "by hand")["display_name"],
             "Toot of the Journey")
        within("Toot of the Journey", other("whois", options.user))

    # --- reading ------------------------------------------------------------------------------------------------------
    with step("reads timelines"):
        kept.fresh = other_json("post", f"something new #{tag}")

        def home():
            return kept.fresh["id"] in ids(toot.json("timelines", "home", "--limit", "20"))

        eventually("the home timeline of a follower", home)
        for arguments in (("public",), ("public", "--local"), ("tag", tag), ("account", options.other)):
            within(kept.fresh["id"], ids(toot.json("timelines", *arguments, "--limit", "20")))
            within(f"something new #{tag}", toot("timelines", *arguments, "--limit", "20", "--no-pager", "--no-clear"))
    with step("finds people, hashtags and posts"):
        within(options.other, [a["acct"] for a in toot.json("search", options.other)["accounts"]])
        within(tag, [t["name"] for t in toot.json("search", f"#{tag}", "--type", "hashtags")["hashtags"]])
        same(ids(toot.json("search", kept.fresh["url"], "--resolve")["statuses"]), [kept.fresh["id"]])
    with step("reads notifications"):
        # Blocking swept away what had come before it.
        mention = other_json("post", f"@{options.user} did you see?")
        other("favourite", mention["id"])
        eventually("a mention", lambda: mention["id"] in [
            n["status"]["id"] for n in toot.json("notifications", "--type", "mention") if n.get("status")])
        within("did you see?", toot("notifications"))
    with step("clears notifications"):
        toot("notifications", "--clear")
        same(toot.json("notifications"), [])

    # --- the end ------------------------------------------------------------------------------------------------------
    with step("deletes a post"):
        toot("delete", kept.first["id"])
        gone = toot("status", kept.first["id"], may_fail=True)
        assert gone.returncode != 0 or "Error" in gone.stderr, gone.stdout
        absent(kept.first["id"], ids(toot.json("timelines", "account", options.user, "--limit", "20")))
    with step("does not delete another's post"):
        toot("delete", kept.fresh["id"], may_fail=True)
        same(toot.json("status", kept.fresh["id"])["id"], kept.fresh["id"])
    with step("signs out"):
        toot("logout", f"{options.user}@{host}")
        absent(f"{options.user}@{host}", toot("auth"))


if __name__ == "__main__":
    main()
