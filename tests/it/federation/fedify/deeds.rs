//! Reactions, dislikes, reports: in both directions.

use serde_json::{Value, json};

use super::{Meeting, id};
use crate::support::peer::eventually;

impl Meeting {
    /// A status of this server once it looks as it should.
    async fn until(&self, status: &Value, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/api/v1/statuses/{}", id(status));
        eventually(what, async || {
            let now = self.get(&path).await;
            holds(&now).then_some(now)
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_dislikes_and_reports_there_are_seen_here() {
    let m = Meeting::with("rosa").await;
    let status = m.server.status(&m.alice, "react").await;
    let to = |what: Value| {
        let mut what = what;
        what["object"] = status["uri"].clone();
        what["target"] = json!(m.handle());
        what
    };
    let undo = |done: &Value| json!({"activityId": done["id"], "target": m.handle()});
    let react = m.act("emoji-react", to(json!({"content": "🔥"}))).await;
    let seen = m
        .until(&status, "the reaction arrives", |s| {
            s["kith"]["reactions"][0]["count"] == 1
        })
        .await;
    assert_eq!(seen["kith"]["reactions"][0]["name"], "🔥");
    assert_eq!(
        (&seen["favourites_count"], &seen["kith"]["dislikes_count"]),
        (&json!(0), &json!(0))
    );
    m.act("undo", undo(&react)).await;
    m.until(&status, "the reaction is taken back", |s| {
        s["kith"]["reactions"] == json!([])
    })
    .await;

    let dislike = m.act("dislike", to(json!({}))).await;
    m.until(&status, "the dislike arrives", |s| {
        s["kith"]["dislikes_count"] == 1
    })
    .await;
    let who = format!("/api/kith/v1/statuses/{}/disliked_by", id(&status));
    let who = m.server.get(&m.alice, &who).await.entities("Account");
    assert_eq!(who[0]["id"], json!(m.there));
    m.act("undo", undo(&dislike)).await;
    m.until(&status, "the dislike is taken back", |s| {
        s["kith"]["dislikes_count"] == 0
    })
    .await;
    // A like takes the place of a dislike.
    m.act("dislike", to(json!({}))).await;
    m.until(&status, "the dislike arrives", |s| {
        s["kith"]["dislikes_count"] == 1
    })
    .await;
    m.act("like", to(json!({}))).await;
    m.until(&status, "the like takes its place", |s| {
        s["favourites_count"] == 1 && s["kith"]["dislikes_count"] == 0
    })
    .await;

    let flag = json!({"target": m.handle(), "objects": [status["uri"]], "content": "<p>spam</p>"});
    m.act("flag", flag).await;
    let person = m.alice.account.id;
    let report = eventually("the report arrives", async || {
        let reports = m
            .server
            .app
            .read(move |c| {
                Box::pin(async move { Ok(kith::db::reports::about(c, person, 10).await?) })
            })
            .await
            .expect("the reports");
        reports.into_iter().next()
    })
    .await;
    assert_eq!(report.account_id.to_string(), m.there);
    assert_eq!(
        (report.comment.as_str(), report.status_ids.as_str()),
        ("spam", &*format!("[{}]", id(&status)))
    );
    m.all_went_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_dislikes_and_reports_here_are_seen_there() {
    let m = Meeting::with("sina").await;
    m.follow().await;
    let theirs = m.act("note", json!({"content": "<p>react</p>"})).await;
    let there = m.arrives(&theirs["objectId"]).await;
    let to_them = json!([m.fedify.actor("sina")]);
    let fire = format!(
        "/api/kith/v1/statuses/{}/reactions/%F0%9F%94%A5",
        id(&there)
    );
    let reacted = m
        .server
        .put(&m.alice, &fire, json!({}))
        .await
        .entity("Status");
    assert_eq!(reacted["kith"]["reactions"][0]["count"], 1);
    let react = m.expect("EmojiReact").await;
    assert_eq!(
        (&react["content"], &react["object"], &react["to"]),
        (&json!("🔥"), &theirs["objectId"], &to_them)
    );
    m.server.delete(&m.alice, &fire).await.entity("Status");
    let undo = m.expect("Undo").await;
    assert_eq!(
        (&undo["object"]["id"], &undo["object"]["type"]),
        (&react["id"], &json!("EmojiReact"))
    );

    let kith = |verb: &str| format!("/api/kith/v1/statuses/{}/{verb}", id(&there));
    m.post(&kith("dislike"), json!({})).await;
    let dislike = m.expect("Dislike").await;
    assert_eq!(dislike["object"], theirs["objectId"]);
    m.post(&kith("undislike"), json!({})).await;
    let undo = m.expect("Undo").await;
    assert_eq!(
        (&undo["object"]["id"], &undo["object"]["type"]),
        (&dislike["id"], &json!("Dislike"))
    );

    // The server itself speaks, so that nobody there learns who reported.
    let report = json!({
        "account_id": m.there, "status_ids": [there["id"]], "comment": "an ad", "forward": true,
    });
    let report = m.post("/api/v1/reports", report).await;
    assert_eq!(report["forwarded"], true);
    let own = format!("{}/users/kith", m.server.url);
    let flag = m.fedify.expect("Flag", &own).await;
    assert_eq!(
        flag["object"],
        json!([m.fedify.actor("sina"), theirs["objectId"]])
    );
    assert_eq!(flag["content"], "an ad");
    assert!(!flag.to_string().contains(m.uri()), "{flag:#}");
    m.all_went_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_deleted_here_is_gone_there() {
    let m = Meeting::with("tess").await;
    m.follow().await;
    m.be_followed().await;
    m.post("/api/v1/statuses", json!({"status": "the last one"}))
        .await;
    m.expect("Create").await;
    let (ctx, alice) = (m.server.app.ctx.clone(), m.alice.account.id);
    m.server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let now = ctx.now();
                kith::domain::deletion::begin(tx, &ctx, alice, now).await
            })
        })
        .await
        .expect("the deletion begins");
    let delete = m.expect("Delete").await;
    assert_eq!(
        (&delete["object"], &delete["to"]),
        (
            &json!(m.uri()),
            &json!(["https://www.w3.org/ns/activitystreams#Public"])
        )
    );
    let query = [("url", m.uri()), ("as", m.name)];
    let gone = m.fedify.look("fetch", &query).await;
    assert_eq!(gone["status"], 410, "{gone:#}");
    // It says no more than that: neither that it follows nobody any more, nor that it deleted a post.
    crate::api::deletion::erased(&m.server).await;
    let query = [("contains", m.uri()), ("type", "Undo")];
    let said = m.fedify.look("received", &query).await;
    assert_eq!(said.as_array().map(Vec::len), Some(0), "{said:#}");
}
