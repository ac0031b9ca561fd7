//! What Kith sends, and what it makes of what others send (`tests/fixtures`), as snapshots. Hosts,
//! ids, times and keys are blanked out.
//!
//! After a change that is meant: `INSTA_UPDATE=always cargo test --test it -- snapshots`, and read
//! the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use insta::assert_json_snapshot;
use regex::{Captures, Regex};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::api::media::{png, upload};
use crate::support::peer::{Delivery, Page, Peer, eventually, own_keys, stranger};
use crate::support::{Person, Server, database};

/// Alice here, an empty peer there, and what stands for the peer in snapshots.
pub(super) struct World {
    pub(super) server: Server,
    pub(super) peer: Peer,
    pub(super) alice: Person,
    software: &'static str,
}

impl World {
    pub(super) async fn new(software: &'static str) -> World {
        let (server, peer) = (Server::start().await, Peer::start().await);
        let alice = server.person("alice").await;
        World {
            server,
            peer,
            alice,
            software,
        }
    }

    /// The same with nothing that changes from run to run.
    pub(super) fn blank(&self, value: &Value) -> Value {
        let host = format!("{}.example", self.software);
        let mut text = value.to_string();
        for (now, then) in [
            (&self.peer.origin, format!("https://{host}")),
            (&self.peer.domain().to_owned(), host),
            (&self.server.url, "https://kith.example".to_owned()),
            (&self.server.domain().to_owned(), "kith.example".to_owned()),
        ] {
            text = text.replace(now, &then);
        }
        let pattern = |pattern: &str| Regex::new(pattern).expect("a pattern");
        text = pattern(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----(\\n)?")
            .replace_all(&text, "[key]")
            .into_owned();
        text = pattern(r"\bz[1-9A-HJ-NP-Za-km-z]{40,}\b")
            .replace_all(&text, "[multibase]")
            .into_owned();
        // Times of fixtures are of 2024 or before, and stay.
        text = pattern(r"\b20(2[5-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
            .replace_all(&text, "[time]")
            .into_owned();
        text = pattern(r#"kith\.example/media/[^"]+(\.[a-z]+)""#)
            .replace_all(&text, "kith.example/media/[file]$1\"")
            .into_owned();
        text = pattern(r#"/media/proxy/([a-z-]+)/[^"]+"#)
            .replace_all(&text, "/media/proxy/$1/[file]")
            .into_owned();
        // Those of fixtures stay.
        text = pattern(r"\b\d{17,19}\b")
            .replace_all(&text, |found: &Captures| {
                if found[0].starts_with("11653000") {
                    found[0].to_owned()
                } else {
                    "[id]".to_owned()
                }
            })
            .into_owned();
        serde_json::from_str(&text).expect("still JSON")
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        self.server.get(&self.alice, path).await.ok()
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Value {
        self.server.post(&self.alice, path, body).await.ok()
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: Value) -> Value {
        let token = Some(self.alice.token.as_str());
        self.server
            .send(method, path, token, Some(&body))
            .await
            .ok()
    }

    /// The account of a handle, looked up elsewhere, or the status of a URI that is here.
    pub(super) async fn find(&self, what: &str, kind: &str) -> Value {
        let what: String = url::form_urlencoded::byte_serialize(what.as_bytes()).collect();
        let resolve = kind == "accounts";
        let path = format!("/api/v2/search?q={what}&resolve={resolve}&type={kind}");
        self.get(&path).await[kind][0].clone()
    }

    /// What arrived at the peer besides what was seen, waiting for one of a type.
    pub(super) async fn next(&self, seen: &mut usize, kind: &str) -> Value {
        eventually(kind, async || {
            let received = self.peer.received();
            let at = received
                .iter()
                .skip(*seen)
                .position(|a| a["type"] == kind)?;
            *seen += at + 1;
            Some(received[*seen - 1].clone())
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out() {
    let world = World::new("peer").await;
    let (sara, seen) = (world.peer.add_actor("sara"), &mut 0);
    let there = world
        .find(&format!("@sara@{}", world.peer.domain()), "accounts")
        .await;
    let to_sara = |verb: &str| format!("/api/v1/accounts/{}/{verb}", id(&there));

    world.post(&to_sara("follow"), json!({})).await;
    let follow = world.next(seen, "Follow").await;
    assert_json_snapshot!("sent_follow", world.blank(&follow));
    let accept = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{sara}#accept"), "type": "Accept", "actor": sara, "object": follow,
    });
    world.deliver(&accept, &format!("{sara}#main-key")).await;
    let follow = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{sara}#follow"), "type": "Follow",
        "actor": sara, "object": world.alice.account.uri,
    });
    world.deliver(&follow, &format!("{sara}#main-key")).await;
    assert_json_snapshot!(
        "sent_accept",
        world.blank(&world.next(seen, "Accept").await)
    );

    let media = upload(&world.server, &world.alice, &png(64, 48)).await.ok();
    let post = json!({
        "status": format!("Hello @sara@{} #Boats https://boats.example/?a=1&b=2", world.peer.domain()),
        "spoiler_text": "cw", "language": "en", "media_ids": [media["id"]],
    });
    let status = world.post("/api/v1/statuses", post).await;
    assert_json_snapshot!(
        "sent_create",
        world.blank(&world.next(seen, "Create").await)
    );
    for visibility in ["unlisted", "private", "direct"] {
        let text = format!("@sara@{} psst", world.peer.domain());
        let post =
            json!({"status": text, "visibility": visibility, "in_reply_to_id": status["id"]});
        world.post("/api/v1/statuses", post).await;
        let create = world.next(seen, "Create").await;
        assert_json_snapshot!(format!("sent_create_{visibility}"), world.blank(&create));
    }
    let path = format!("/api/v1/statuses/{}", id(&status));
    world
        .send(Method::PUT, &path, json!({"status": "changed"}))
        .await;
    assert_json_snapshot!(
        "sent_update",
        world.blank(&world.next(seen, "Update").await)
    );
    world.send(Method::DELETE, &path, json!({})).await;
    assert_json_snapshot!(
        "sent_delete",
        world.blank(&world.next(seen, "Delete").await)
    );
    let profile = json!({
        "display_name": "Alice A.", "note": "I sail #boats", "locked": true, "discoverable": true,
        "fields_attributes": [{"name": "Home", "value": "https://alice.example"}],
    });
    let credentials = "/api/v1/accounts/update_credentials";
    world.send(Method::PATCH, credentials, profile).await;
    assert_json_snapshot!(
        "sent_update_actor",
        world.blank(&world.next(seen, "Update").await)
    );

    let note = world.peer.note("sara", "1", "like me");
    let create = world.peer.create("sara", &note);
    world.deliver(&create, &format!("{sara}#main-key")).await;
    let theirs = world
        .find(note["id"].as_str().expect("an id"), "statuses")
        .await;
    for (verb, kind, name) in [
        ("favourite", "Like", "like"),
        ("reblog", "Announce", "announce"),
    ] {
        let path = format!("/api/v1/statuses/{}", id(&theirs));
        world.post(&format!("{path}/{verb}"), json!({})).await;
        let done = world.next(seen, kind).await;
        assert_json_snapshot!(format!("sent_{name}"), world.blank(&done));
        world.post(&format!("{path}/un{verb}"), json!({})).await;
        let undone = world.next(seen, "Undo").await;
        assert_json_snapshot!(format!("sent_undo_{name}"), world.blank(&undone));
    }
    let path = format!("/api/kith/v1/statuses/{}", id(&theirs));
    world.post(&format!("{path}/dislike"), json!({})).await;
    let done = world.next(seen, "Dislike").await;
    assert_json_snapshot!("sent_dislike", world.blank(&done));
    world.post(&format!("{path}/undislike"), json!({})).await;
    let undone = world.next(seen, "Undo").await;
    assert_json_snapshot!("sent_undo_dislike", world.blank(&undone));
    let reaction = format!("{path}/reactions/%F0%9F%94%A5");
    world.send(Method::PUT, &reaction, json!({})).await;
    let done = world.next(seen, "EmojiReact").await;
    assert_json_snapshot!("sent_emoji_react", world.blank(&done));
    world.send(Method::DELETE, &reaction, json!({})).await;
    let undone = world.next(seen, "Undo").await;
    assert_json_snapshot!("sent_undo_emoji_react", world.blank(&undone));
    for (verb, kind, name) in [
        ("remove_from_followers", "Reject", "reject"),
        ("unfollow", "Undo", "undo_follow"),
        ("block", "Block", "block"),
        ("unblock", "Undo", "undo_block"),
    ] {
        world.post(&to_sara(verb), json!({})).await;
        let done = world.next(seen, kind).await;
        assert_json_snapshot!(format!("sent_{name}"), world.blank(&done));
    }
}

fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

/// Some members of an object, in its order.
fn some(value: &Value, names: &[&str]) -> Value {
    let member = |name: &&str| Some(((*name).to_owned(), value.get(*name)?.clone()));
    Value::Object(names.iter().filter_map(member).collect())
}

fn each(list: &Value, names: &[&str]) -> Value {
    let items = list.as_array().into_iter().flatten();
    items.map(|item| some(item, names)).collect()
}

impl World {
    /// What a client sees of a status; null where it sees none.
    async fn status(&self, uri: &str) -> Value {
        let found = self.find(uri, "statuses").await;
        if found.is_null() {
            return found;
        }
        let mut shown = some(
            &found,
            &[
                "uri",
                "url",
                "content",
                "spoiler_text",
                "sensitive",
                "visibility",
                "language",
                "in_reply_to_id",
                "edited_at",
                "created_at",
                "kith",
            ],
        );
        shown["account"] = found["account"]["acct"].clone();
        shown["mentions"] = each(&found["mentions"], &["acct", "url"]);
        shown["tags"] = each(&found["tags"], &["name"]);
        shown["emojis"] = each(&found["emojis"], &["shortcode", "url"]);
        if !found["poll"].is_null() {
            let poll = &found["poll"];
            shown["poll"] = some(
                poll,
                &[
                    "multiple",
                    "expires_at",
                    "expired",
                    "votes_count",
                    "voters_count",
                ],
            );
            shown["poll"]["options"] = each(&poll["options"], &["title", "votes_count"]);
        }
        if !found["quote"].is_null() {
            shown["quote"] = json!({
                "state": found["quote"]["state"],
                "of": found["quote"]["quoted_status"]["uri"],
            });
        }
        shown["media_attachments"] = each(
            &found["media_attachments"],
            &[
                "type",
                "url",
                "preview_url",
                "remote_url",
                "description",
                "blurhash",
                "meta",
            ],
        );
        shown
    }

    async fn account(&self, handle: &str) -> Value {
        some(
            &self.find(handle, "accounts").await,
            &[
                "acct",
                "username",
                "display_name",
                "note",
                "url",
                "uri",
                "avatar",
                "header",
                "locked",
                "bot",
                "group",
                "discoverable",
                "indexable",
                "fields",
                "emojis",
                "created_at",
                "kith",
            ],
        )
    }

    /// What can change for alice, in short.
    async fn state(
        &self,
        people: &[&Value],
        status: &Value,
        poll: &Value,
    ) -> BTreeMap<String, Value> {
        let mut state = BTreeMap::new();
        for person in people {
            let name = text(&person["username"]);
            let path = format!("/api/v1/accounts/relationships?id[]={}", id(person));
            let relation = self.get(&path).await[0].clone();
            let path = format!("/api/v1/accounts/{}", id(person));
            let account = self.server.get(&self.alice, &path).await;
            state.insert(format!("{name}: is there"), json!(account.status == 200));
            for how in [
                "following",
                "followed_by",
                "requested",
                "requested_by",
                "blocked_by",
            ] {
                state.insert(format!("{name}: {how}"), relation[how].clone());
            }
        }
        // An account that is gone is erased by a job.
        let jobs = "SELECT count(*) AS n FROM jobs WHERE kind = 'erase_account'";
        let url = &self.server.app.config.database_url;
        eventually("nothing is being erased", async || {
            (database::count(url, jobs).await == 0).then_some(())
        })
        .await;
        let path = format!("/api/v1/statuses/{}", id(status));
        let status = self.get(&path).await;
        let extra = &status["kith"];
        state.insert("dislikes_count".into(), extra["dislikes_count"].clone());
        for reaction in extra["reactions"].as_array().into_iter().flatten() {
            let name = format!("reactions: {}", text(&reaction["name"]));
            state.insert(name, reaction["count"].clone());
        }
        for name in ["favourites_count", "reblogs_count", "replies_count"] {
            state.insert(name.into(), status[name].clone());
        }
        let path = format!("/api/v1/statuses/{}", id(poll));
        let poll = self.get(&path).await["poll"].clone();
        for option in poll["options"].as_array().into_iter().flatten() {
            let name = format!("votes: {}", text(&option["title"]));
            state.insert(name, option["votes_count"].clone());
        }
        let home = self.get("/api/v1/timelines/home?limit=40").await;
        for entry in home.as_array().into_iter().flatten() {
            let (what, entry) = match &entry["reblog"] {
                Value::Null => ("home", entry),
                reblog => ("home, boosted", reblog),
            };
            state.insert(
                format!("{what}: {}", entry["uri"].as_str().expect("a URI")),
                json!(true),
            );
        }
        let notifications = self.get("/api/v1/notifications?limit=80").await;
        for entry in notifications.as_array().into_iter().flatten() {
            let (kind, by) = (&entry["type"], &entry["account"]["acct"]);
            let about = entry["status"]["uri"].as_str().unwrap_or_default();
            let text = format!("notification: {} by {} {about}", text(kind), text(by));
            state.insert(text.trim_end().to_owned(), json!(true));
        }
        let alice = self.alice.account.id;
        let reports = self
            .server
            .app
            .read(move |c| {
                Box::pin(async move { Ok(kith::db::reports::about(c, alice, 10).await?) })
            })
            .await
            .expect("reports");
        for report in reports {
            let posts: Vec<i64> = serde_json::from_str(&report.status_ids).expect("ids");
            let text = format!("report: {}, {} posts", report.comment, posts.len());
            state.insert(text, json!(true));
        }
        state
    }

    /// Delivers an activity and waits until it is worked on. Says why nothing came of it.
    pub(super) async fn deliver(&self, activity: &Value, key_id: &str) -> String {
        let delivery = Delivery {
            key_id: key_id.to_owned(),
            ..Delivery::by("")
        };
        delivery.worked_on(&self.server, activity).await
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What happens, in this order, as far as a software has a fixture for it.
const STORY: &[&str] = &[
    "announce_video*",
    "create_*",
    "announce_create_*",
    "announce_page",
    "announce_group_page",
    "announce_event",
    "announce_post",
    "update_*",
    "announce_update_*",
    "like*",
    "emoji_react*",
    "dislike",
    "announce_like",
    "announce_dislike",
    "undo_like*",
    "undo_emoji_react*",
    "undo_dislike",
    "announce",
    "announce_followers_only",
    "undo_announce",
    "follow",
    "undo_follow",
    "block_from_community",
    "undo_block_from_community",
    "add_featured",
    "remove_featured",
    "announce_add_featured",
    "quote_request",
    "accept_event",
    "accept_like_request",
    "accept_reply_request",
    "accept_announce_request",
    "tentative_accept_event",
    "reject_event",
    "join",
    "approve_reply",
    "view",
    "listen",
    "add_story",
    "flag",
    "move",
    "delete_by_moderator",
    "announce_delete_page",
    "delete_note",
    "delete_page",
    "delete_article",
    "delete_comment",
    "delete_event",
    "delete_story",
    "delete_video",
    "delete_chat_message",
    "undo_delete_page",
    "reject_follow",
    "block",
    "undo_block",
    "delete_actor",
];

/// The fixtures of a software in the order of the story. Where one is there with its object
/// embedded and by id, `by_id` chooses.
fn chapters(software: &str, by_id: bool) -> Vec<String> {
    let dir = fixtures().join(software);
    let names: BTreeSet<String> = std::fs::read_dir(&dir)
        .expect("fixtures")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
        .collect();
    let mut story: Vec<String> = Vec::new();
    for pattern in STORY {
        let fits = |name: &str| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *pattern,
        };
        for name in &names {
            let base = name.strip_suffix("_by_id").unwrap_or(name);
            if !fits(base) || story.contains(name) {
                continue;
            }
            let twin = if name == base {
                format!("{base}_by_id")
            } else {
                base.to_owned()
            };
            if !names.contains(&twin) || (name != base) == by_id {
                story.push(name.clone());
            }
        }
    }
    story
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A software's fixtures, with hosts and keys of this run.
struct Fixtures<'a> {
    world: &'a World,
    status: String,
    poll: String,
    /// Alice's Follow.
    follow: String,
}

impl Fixtures<'_> {
    fn read(&self, name: &str) -> Value {
        let (world, software) = (self.world, self.world.software);
        let path = fixtures().join(software).join(format!("{name}.json"));
        let mut text = std::fs::read_to_string(&path).expect("a fixture");
        let host = format!("{software}.example");
        for (then, now) in [
            (
                "https://kith.example/users/alice/statuses/116530000000000001",
                self.status.as_str(),
            ),
            (
                "https://kith.example/users/alice/statuses/116530000000000020",
                &self.poll,
            ),
            (
                "https://kith.example/users/alice/follows/116530000000000021",
                &self.follow,
            ),
            ("https://kith.example", &world.server.url),
            ("kith.example", world.server.domain()),
            (
                "https://elsewhere.example/users/sara",
                &world.peer.actor_uri("elsewhere"),
            ),
            (&format!("https://{host}"), &world.peer.origin),
            (&host, world.peer.domain()),
        ] {
            text = text.replace(then, now);
        }
        let mut value: Value = serde_json::from_str(&text).expect("JSON");
        own_keys(&mut value);
        value
    }

    /// Serves what an activity is about as its origin would by the time it sends it.
    fn serve(&self, activity: &Value) {
        let kind = text(&activity["type"]);
        let object = &activity["object"];
        if !object["object"].is_null() {
            // A group passes on what its member did.
            return self.serve(object);
        }
        let id = object["id"]
            .as_str()
            .or(object.as_str())
            .unwrap_or_default();
        let Some(path) = id.strip_prefix(&self.world.peer.origin) else {
            return;
        };
        match kind {
            "Create" | "Update" if object.is_object() => {
                self.world.peer.serve(path, Page::Document(object.clone()));
            }
            // One that knows nothing of it, so that the story goes on.
            "Move" => {
                self.world.peer.add_actor("elsewhere");
            }
            "Delete" => {
                let tombstone = json!({"id": id, "type": "Tombstone"}).to_string();
                let page = Page::Raw(410, "application/activity+json", tombstone);
                self.world.peer.serve(path, page);
            }
            _ => {}
        }
    }
}

/// Tells a software's story; what there is to see goes into its snapshots.
async fn tell(software: &'static str, followed: &str, by_id: bool) {
    let world = World::new(software).await;
    let status = world.server.status(&world.alice, "like me").await;
    let options = json!(["Red", "Blue", "Green"]);
    let poll = json!({"options": options, "expires_in": 86_400, "multiple": true});
    let poll = json!({"status": "Which boats?", "poll": poll});
    let poll = world.post("/api/v1/statuses", poll).await;
    let mut fixtures = Fixtures {
        world: &world,
        status: text(&status["uri"]).to_owned(),
        poll: text(&poll["uri"]).to_owned(),
        follow: String::new(),
    };
    let mut actors: BTreeMap<String, Value> = BTreeMap::new();
    for name in ["actor", "actor_group"] {
        if fixtures_has(software, name) {
            let actor = fixtures.read(name);
            world
                .peer
                .serve_actor(text(&actor["preferredUsername"]), actor.clone());
            actors.insert(id(&actor).to_owned(), actor);
        }
    }
    let handle = |name: &str| format!("@{name}@{}", world.peer.domain());
    let mut shown = Vec::new();
    for actor in actors.values() {
        let name = text(&actor["preferredUsername"]);
        shown.push(world.account(&handle(name)).await);
    }
    if !by_id {
        assert_json_snapshot!(format!("{software}_accounts"), world.blank(&json!(shown)));
    }

    let there = world.find(&handle(followed), "accounts").await;
    let path = format!("/api/v1/accounts/{}/follow", id(&there));
    world.post(&path, json!({})).await;
    fixtures.follow = id(&world.next(&mut 0, "Follow").await).to_owned();
    let sara = world.find(&handle("sara"), "accounts").await;
    let mut before = world.state(&[&there, &sara], &status, &poll).await;
    let mut story = chapters(software, by_id);
    let has = |name: &str| fixtures_has(software, name);
    let accept = if has("accept_follow") && !(by_id && has("accept_follow_by_id")) {
        "accept_follow"
    } else {
        "accept_follow_by_id"
    };
    story.insert(0, accept.to_owned());

    // What it has posted is there before anybody is told.
    for name in story.iter().filter(|name| name.starts_with("create_")) {
        fixtures.serve(&fixtures.read(name));
    }
    let (mut objects, mut deeds) = (Vec::new(), Vec::new());
    for name in story {
        let activity = fixtures.read(&name);
        let by = text(&activity["actor"]).to_owned();
        if !actors.contains_key(&by) {
            // Moderators and the servers' own actors have no fixture.
            let actor = stranger(&by, "Person");
            world
                .peer
                .serve_actor(text(&actor["preferredUsername"]), actor.clone());
            actors.insert(by.clone(), actor);
        }
        fixtures.serve(&activity);
        let key_id = text(&actors[&by]["publicKey"]["id"]).to_owned();
        let reason = world.deliver(&activity, &key_id).await;
        let after = world.state(&[&there, &sara], &status, &poll).await;
        let mut deed = Map::new();
        deed.insert("activity".into(), json!(name));
        if !reason.is_empty() {
            deed.insert("nothing_because".into(), json!(reason));
        }
        deed.insert("changes".into(), changes(&before, &after));
        before = after;
        deeds.push(Value::Object(deed));
        let object = match &activity["object"]["object"] {
            Value::Null if activity["object"].is_array() => &activity["object"][0],
            Value::Null => &activity["object"],
            inner => inner,
        };
        let brings = ["create", "update", "announce_"];
        if brings.iter().any(|verb| name.starts_with(verb)) {
            let uri = object["id"].as_str().unwrap_or_else(|| text(object));
            let shows = match actors.get(uri) {
                Some(actor) => {
                    let name = text(&actor["preferredUsername"]);
                    world.account(&handle(name)).await
                }
                None => world.status(uri).await,
            };
            objects.push(json!({"activity": name, "shows": shows}));
        }
    }
    if by_id {
        assert_json_snapshot!(
            format!("{software}_deeds_by_id"),
            world.blank(&json!(deeds))
        );
    } else {
        assert_json_snapshot!(format!("{software}_objects"), world.blank(&json!(objects)));
        assert_json_snapshot!(format!("{software}_deeds"), world.blank(&json!(deeds)));
    }
}

/// What is new or other than before; false for what is not there any more.
fn changes(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Value {
    let new = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(*value))
        .map(|(name, value)| (name.clone(), value.clone()));
    let gone = before
        .keys()
        .filter(|name| !after.contains_key(*name))
        .map(|name| (name.clone(), json!(false)));
    Value::Object(new.chain(gone).collect())
}

fn fixtures_has(software: &str, name: &str) -> bool {
    fixtures()
        .join(software)
        .join(format!("{name}.json"))
        .is_file()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_akkoma_sends() {
    tell("akkoma", "sara", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_bookwyrm_sends() {
    tell("bookwyrm", "sara", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discourse_sends() {
    tell("discourse", "boats", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fedify_sends() {
    tell("fedify", "sara", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_friendica_sends() {
    tell("friendica", "sara", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gotosocial_sends() {
    tell("gotosocial", "sara", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lemmy_sends() {
    tell("lemmy", "boats", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mastodon_sends() {
    tell("mastodon", "sara", false).await;
    tell("mastodon", "sara", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mbin_sends() {
    tell("mbin", "boats", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_misskey_sends() {
    tell("misskey", "sara", false).await;
    tell("misskey", "sara", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mitra_sends() {
    tell("mitra", "sara", false).await;
    tell("mitra", "sara", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mobilizon_sends() {
    tell("mobilizon", "boats", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nodebb_sends() {
    tell("nodebb", "boats", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_peertube_sends() {
    tell("peertube", "boats", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pixelfed_sends() {
    tell("pixelfed", "sara", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pleroma_sends() {
    tell("pleroma", "sara", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sharkey_sends() {
    tell("sharkey", "sara", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_wordpress_sends() {
    tell("wordpress", "sara", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_writefreely_sends() {
    tell("writefreely", "sara", false).await;
}
