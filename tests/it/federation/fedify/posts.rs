//! Posts of every kind, there and here: polls, articles, quotes, hashtags, files, pins.

use kith::clock::MINUTE;
use serde_json::{Value, json};

use super::{Meeting, id};
use crate::support::fedify::Fedify;
use crate::support::peer::eventually;
use crate::support::{Answer, Server};

/// Titles and votes of a poll's options.
fn options(poll: &Value) -> Vec<(&str, i64)> {
    let options = poll["options"].as_array().expect("options");
    options
        .iter()
        .map(|o| {
            (
                o["title"].as_str().expect("a title"),
                o["votes_count"].as_i64().unwrap_or(-1),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_there_is_shown_voted_in_and_counted_here() {
    let m = Meeting::with("nora").await;
    m.follow().await;
    let end = "2030-01-02T03:04:05Z";
    let poll = json!({
        "content": "<p>which?</p>", "options": ["red", "blue"], "endTime": end,
        "hashtags": ["Colours"], "visibility": "public",
    });
    let poll = m.act("note", poll).await;
    let there = m.arrives(&poll["objectId"]).await;
    assert_eq!(there["content"], "<p>which?</p>");
    assert_eq!(options(&there["poll"]), [("red", 0), ("blue", 0)]);
    assert_eq!(
        (
            &there["poll"]["multiple"],
            &there["poll"]["expires_at"],
            &there["poll"]["expired"]
        ),
        (
            &json!(false),
            &json!("2030-01-02T03:04:05.000Z"),
            &json!(false)
        )
    );
    let path = format!("/api/v1/polls/{}/votes", id(&there["poll"]));
    let voted = m
        .server
        .post(&m.alice, &path, json!({"choices": [1]}))
        .await
        .entity("Poll");
    assert_eq!(
        (&voted["voted"], &voted["own_votes"]),
        (&json!(true), &json!([1]))
    );
    let vote = m.expect("Create").await;
    let object = &vote["object"];
    assert_eq!(
        (
            &object["type"],
            &object["name"],
            &object["inReplyTo"],
            &object["attributedTo"]
        ),
        (
            &json!("Note"),
            &json!("blue"),
            &poll["objectId"],
            &json!(m.uri())
        )
    );
    assert_eq!(
        vote["to"],
        json!(m.fedify.actor("nora")),
        "it is nobody else's business"
    );
    assert!(vote["cc"].is_null() && object.get("content").is_none());
    // New counts come in an Update that says nothing else anew.
    let counted = |n: i64, name: &str| json!({"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": n}});
    let counts = json!({"oneOf": [counted(4, "red"), counted(3, "blue")], "votersCount": 7});
    m.act("edit", json!({"id": poll["objectId"], "extra": counts}))
        .await;
    eventually("the counts arrive", async || {
        let now = m.arrives(&poll["objectId"]).await["poll"].clone();
        (options(&now) == [("red", 4), ("blue", 3)] && now["votes_count"] == 7).then_some(())
    })
    .await;

    // Several choices, and a vote for each.
    let poll = json!({"content": "<p>which ones?</p>", "options": ["a", "b", "c"], "multiple": true, "mentions": [m.handle()]});
    let poll = m.act("note", poll).await;
    let there = m.arrives(&poll["objectId"]).await;
    assert_eq!(there["poll"]["multiple"], true);
    assert_eq!(m.notified("mention").await["status"]["id"], there["id"]);
    let path = format!("/api/v1/polls/{}/votes", id(&there["poll"]));
    m.post(&path, json!({"choices": [0, 2]})).await;
    let votes = m
        .fedify
        .look(
            "requests",
            &[
                ("actor", m.uri()),
                ("type", "Create"),
                ("contains", poll["objectId"].as_str().unwrap()),
                ("count", "2"),
                ("wait", "60"),
            ],
        )
        .await;
    let mut names: Vec<&str> = votes
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|v| v["json"]["object"]["name"].as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "c"]);
    m.all_went_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_here_is_understood_voted_in_and_counted_there() {
    let m = Meeting::with("olga").await;
    m.be_followed().await;
    let body = json!({
        "status": "which? #Colours", "poll": {"options": ["red", "blue"], "expires_in": 600},
    });
    let status = m.post("/api/v1/statuses", body).await;
    let question = m.expect("Create").await["object"].clone();
    assert_eq!(
        (&question["type"], &question["id"]),
        (&json!("Question"), &status["uri"])
    );
    assert_eq!(
        question["oneOf"],
        json!([
            {"type": "Note", "name": "red", "replies": {"type": "Collection", "totalItems": 0}},
            {"type": "Note", "name": "blue", "replies": {"type": "Collection", "totalItems": 0}},
        ])
    );
    assert_eq!(question["votersCount"], 0);
    assert_eq!(question["endTime"], status["poll"]["expires_at"]);
    // Fedify has read it as one.
    let read = m
        .fedify
        .look("received", &[("contains", status["uri"].as_str().unwrap())])
        .await;
    assert_eq!(read[0]["json"]["object"]["type"], "Question", "{read:#}");

    let vote = json!({"object": status["uri"], "target": m.handle(), "choice": "blue"});
    m.act("vote", vote.clone()).await;
    let own = format!("/api/v1/statuses/{}", id(&status));
    let poll = eventually("the vote is counted", async || {
        let poll = m.get(&own).await["poll"].clone();
        (poll["votes_count"] == 1).then_some(poll)
    })
    .await;
    assert_eq!(
        (options(&poll), &poll["voters_count"]),
        (vec![("red", 0), ("blue", 1)], &json!(1))
    );
    // Once is enough, and what is no option is none.
    m.act("vote", vote).await;
    m.act(
        "vote",
        json!({"object": status["uri"], "target": m.handle(), "choice": "green"}),
    )
    .await;
    m.server.pass(MINUTE);
    let update = m.expect("Update").await;
    assert_eq!(update["object"]["oneOf"][1]["replies"]["totalItems"], 1);
    assert_eq!(update["object"]["votersCount"], 1);
    assert_eq!(m.get(&own).await["poll"]["votes_count"], 1);
    // It ends, and so they are told.
    m.server.pass(10 * MINUTE);
    let closed = m.expect("Update").await;
    assert!(closed["object"]["closed"].is_string(), "{closed:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn articles_quotes_files_and_pins_there_are_shown_here() {
    let m = Meeting::with("pia").await;
    let pinned = m
        .act("note", json!({"content": "<p>pinned</p>", "pin": true}))
        .await;
    m.follow().await;
    let path = format!("/api/v1/accounts/{}/statuses?pinned=true", m.there);
    let shown = eventually("the pinned post is fetched", async || {
        let list = m.server.get(&m.alice, &path).await.entities("Status");
        list.into_iter().next()
    })
    .await;
    assert_eq!(shown["uri"], pinned["objectId"]);

    let article = json!({
        "objectType": "Article", "name": "On <b>dots</b>", "content": "<h2>One</h2><p>A long text.</p>",
        "summary": "about dots", "hashtags": ["Dots", "LongReads"], "language": "en",
    });
    let article = m.act("note", article).await;
    let there = m.arrives(&article["objectId"]).await;
    let content = there["content"].as_str().expect("a text");
    assert!(
        content.contains("dots") && content.contains("<p>A long text.</p>"),
        "{content}"
    );
    assert!(
        content.starts_with("<p><a href=") && content.contains("<strong>On dots</strong></a></p>"),
        "the title is first: {content}"
    );
    assert_eq!(there["url"], article["note"]["url"]);
    let tags = there["tags"].as_array().expect("tags");
    let names: Vec<&Value> = tags.iter().map(|tag| &tag["name"]).collect();
    assert_eq!(names, ["dots", "longreads"]);
    let tagged = m
        .server
        .get(&m.alice, "/api/v1/timelines/tag/longreads")
        .await;
    assert!(
        tagged
            .entities("Status")
            .iter()
            .any(|s| s["id"] == there["id"])
    );
    // An edit changes the title too, and the history keeps both.
    m.act("edit", json!({"id": article["objectId"], "content": "<p>Shorter.</p>", "extra": {"name": "On lines"}}))
        .await;
    eventually("the edit arrives", async || {
        let now = m.arrives(&article["objectId"]).await;
        let content = now["content"].as_str()?;
        let anew = content.ends_with("<strong>On lines</strong></a></p><p>Shorter.</p>");
        anew.then_some(())
    })
    .await;
    let history = format!("/api/v1/statuses/{}/history", id(&there));
    let versions = m
        .server
        .get(&m.alice, &history)
        .await
        .entities("StatusEdit");
    assert_eq!(versions.len(), 2);

    let file = |name: &str, mime: &str| json!({"mediaType": mime, "url": format!("{}/media/{name}", m.fedify.origin), "name": format!("alt of {name}")});
    let files = [
        ("a.png", "image/png", "image"),
        ("b.mp4", "video/mp4", "video"),
        ("c.ogg", "audio/ogg", "audio"),
        ("d.pdf", "application/pdf", "unknown"),
    ];
    let attachments: Vec<Value> = files
        .iter()
        .map(|(name, mime, _)| file(name, mime))
        .collect();
    let note = m
        .act(
            "note",
            json!({"content": "<p>files</p>", "attachments": attachments}),
        )
        .await;
    let there = m.arrives(&note["objectId"]).await;
    let shown = there["media_attachments"].as_array().expect("a list");
    assert_eq!(shown.len(), 4);
    for (shown, (name, _, kind)) in shown.iter().zip(files) {
        assert_eq!(
            (&shown["type"], &shown["description"]),
            (&json!(kind), &json!(format!("alt of {name}")))
        );
        assert_eq!(
            shown["remote_url"],
            format!("{}/media/{name}", m.fedify.origin)
        );
    }
    let picture = m
        .server
        .http
        .get(shown[0]["url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(picture.status(), 200, "a copy is made");

    // What says `quote` asks for leave; what is there needs none of ours.
    let own = json!({"content": "<p>look</p>", "quote": pinned["objectId"]});
    let own = m.act("note", own).await;
    let there = m.arrives(&own["objectId"]).await;
    assert_eq!(there["quote"]["state"], "accepted");
    assert_eq!(there["quote"]["quoted_status"]["uri"], pinned["objectId"]);
    let open = m.server.status(&m.alice, "quote me").await;
    let closed = json!({"status": "do not", "quote_approval_policy": "nobody"});
    let closed = m.post("/api/v1/statuses", closed).await;
    for (quoted, answer, state) in [
        (&open, "Accept", "accepted"),
        (&closed, "Reject", "rejected"),
    ] {
        let note =
            json!({"content": "<p>look</p>", "quote": quoted["uri"], "mentions": [m.handle()]});
        let note = m.act("note", note).await;
        let there = m.arrives(&note["objectId"]).await;
        assert_eq!(there["quote"]["state"], "pending", "{quoted}");
        let request = json!({"type": "QuoteRequest", "object": quoted["uri"], "instrument": note["objectId"]});
        let request = json!({"target": m.handle(), "spec": "rfc9421", "activity": request});
        assert_eq!(m.act("deliver", request).await["status"], 202);
        let answered = m.expect(answer).await;
        assert_eq!(answered["object"]["instrument"], note["objectId"]);
        assert_eq!(answered["result"].is_string(), answer == "Accept");
        eventually("the quote is decided on", async || {
            let now = m.arrives(&note["objectId"]).await;
            (now["quote"]["state"] == state).then_some(())
        })
        .await;
    }
    m.counts(&open, "quotes_count", 1).await;
    m.counts(&closed, "quotes_count", 0).await;
    m.all_went_well().await;
}

/// A picture of noise.
fn png() -> Vec<u8> {
    let picture =
        image::RgbImage::from_fn(32, 16, |x, y| image::Rgb([x as u8 * 8, y as u8 * 16, 7]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("a picture");
    bytes.into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn quotes_files_and_hashtags_here_are_understood_there() {
    let m = Meeting::with("quin").await;
    m.be_followed().await;
    let mut body = b"--b\r\ncontent-disposition: form-data; name=\"description\"\r\n\r\na gradient\r\n--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"x.png\"\r\ncontent-type: image/png\r\n\r\n".to_vec();
    body.extend(png());
    body.extend_from_slice(b"\r\n--b--\r\n");
    let request = m
        .server
        .http
        .post(format!("{}/api/v2/media", m.server.url))
        .bearer_auth(&m.alice.token)
        .header("content-type", "multipart/form-data; boundary=b")
        .body(body);
    let file = Answer::of(request, "upload".to_owned()).await.ok();
    let body = json!({
        "status": "*dots* #Dots and #LongReads", "media_ids": [file["id"]], "sensitive": true,
        "language": "en", "content_type": "text/markdown",
    });
    let status = m.post("/api/v1/statuses", body).await;
    let create = m.expect("Create").await;
    let note = &create["object"];
    assert_eq!(note["contentMap"]["en"], note["content"]);
    assert_eq!(
        (&note["sensitive"], &note["url"]),
        (&json!(true), &status["url"])
    );
    let tags = note["tag"].as_array().expect("tags");
    let tag = |name: &str| json!({"type": "Hashtag", "href": format!("{}/tags/{}", m.server.url, name.to_lowercase()), "name": format!("#{name}")});
    assert_eq!(tags, &[tag("Dots"), tag("LongReads")]);
    let attached = &note["attachment"][0];
    assert_eq!(
        (
            &attached["type"],
            &attached["mediaType"],
            &attached["name"],
            &attached["width"],
            &attached["height"]
        ),
        (
            &json!("Document"),
            &json!("image/png"),
            &json!("a gradient"),
            &json!(32),
            &json!(16)
        )
    );
    assert!(attached["blurhash"].is_string());
    let query = [
        ("url", attached["url"].as_str().unwrap()),
        ("as", "quin"),
        ("spec", "none"),
    ];
    assert_eq!(m.fedify.look("fetch", &query).await["status"], 200);
    for (visibility, to, cc) in [
        (
            "public",
            json!(["https://www.w3.org/ns/activitystreams#Public"]),
            json!([format!("{}/followers", m.uri())]),
        ),
        (
            "unlisted",
            json!([format!("{}/followers", m.uri())]),
            json!(["https://www.w3.org/ns/activitystreams#Public"]),
        ),
        (
            "private",
            json!([format!("{}/followers", m.uri())]),
            json!([]),
        ),
    ] {
        m.post(
            "/api/v1/statuses",
            json!({"status": visibility, "visibility": visibility}),
        )
        .await;
        let create = m.expect("Create").await;
        assert_eq!((&create["to"], &create["cc"]), (&to, &cc), "{visibility}");
        assert_eq!(
            (&create["object"]["to"], &create["object"]["cc"]),
            (&to, &cc),
            "{visibility}"
        );
    }

    // A quote of one's own needs nobody's leave.
    let body = json!({"status": "see above", "quoted_status_id": status["id"]});
    m.post("/api/v1/statuses", body).await;
    let quote = m.expect("Create").await["object"].clone();
    for name in ["quote", "quoteUri", "_misskey_quote"] {
        assert_eq!(quote[name], status["uri"], "{name}");
    }
    assert!(
        quote["content"]
            .as_str()
            .unwrap()
            .starts_with("<p class=\"quote-inline\">RE: ")
    );
    // The pinned post, and that it is pinned no more.
    for (verb, kind) in [("pin", "Add"), ("unpin", "Remove")] {
        m.post(
            &format!("/api/v1/statuses/{}/{verb}", id(&status)),
            json!({}),
        )
        .await;
        let done = m.expect(kind).await;
        assert_eq!(
            (&done["object"], &done["target"]),
            (
                &status["uri"],
                &json!(format!("{}/collections/featured", m.uri()))
            )
        );
    }
    m.all_went_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bots_and_groups_there_are_known_as_such() {
    let (server, fedify) = (Server::start().await, Fedify::meet().await);
    let alice = server.person("alice").await;
    for (name, bot, group) in [("bot", true, false), ("group", false, true)] {
        let query = format!("/api/v2/search?q={}&resolve=true", fedify.handle(name));
        let found = server.get(&alice, &query).await.entity("Search");
        let account = &found["accounts"][0];
        assert_eq!(
            (&account["bot"], &account["group"]),
            (&json!(bot), &json!(group)),
            "{name}"
        );
        assert_eq!(account["acct"], fedify.handle(name)[1..]);
    }
}
