//! What a group's moderators do.

use serde_json::{Value, json};

use super::super::two_servers::id;
use super::{World, followed};
use crate::support::peer::{Page, Peer};

impl World {
    /// What a moderator does, passed on by the community.
    async fn moderate(&self, by: &str, verb: &str, object: &Value) -> Value {
        let activity = self.done(by, verb, object);
        assert_eq!(self.announce(activity.clone()).await, "");
        activity
    }

    /// The community passes on that something is taken back.
    async fn undo(&self, activity: Value) {
        let by = activity["actor"].as_str().unwrap().to_owned();
        let undo = json!({
            "id": format!("{by}#undo/{}", id(&activity).len()), "type": "Undo", "actor": by,
            "object": activity, "audience": self.boats,
        });
        assert_eq!(self.announce(undo).await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_moderator_removes_leaves_the_group_and_comes_back() {
    let world = followed().await;
    let far = Peer::start().await;
    let moderator = far.add_actor("moderator");
    let post = world.posted("boat").await;
    let comment = world.commented("rude", &post["uri"]).await;
    let kind = world.commented("kind", &comment["uri"]).await;
    let profile = format!("/api/v1/accounts/{}/statuses", world.boats_here);
    let on_profile = async || {
        let list = world.server.get(&world.alice, &profile).await;
        list.entities("Status").len()
    };

    let removal = world.moderate(&moderator, "Delete", &comment["uri"]).await;
    assert_eq!(
        world.below(&world.alice, &post).await,
        [kind["uri"].clone()]
    );
    let comments = format!("/api/kith/v1/statuses/{}/comments", id(&post));
    let list = world
        .server
        .get(&world.alice, &comments)
        .await
        .entities("Status");
    assert_eq!(list.len(), 0);
    // It is not deleted: who has it keeps it.
    assert_eq!(world.again(&comment).await["uri"], comment["uri"]);
    world.undo(removal).await;
    let thread = [comment["uri"].clone(), kind["uri"].clone()];
    assert_eq!(world.below(&world.alice, &post).await, thread);

    let home = world.home(&world.alice).await;
    let removal = world.moderate(&moderator, "Delete", &post["uri"]).await;
    assert_eq!(
        (world.home(&world.alice).await.len(), on_profile().await),
        (0, 0)
    );
    assert_eq!(world.again(&post).await["reblogs_count"], 0);
    // Passed on once more, it stays out.
    let mut again = world.announced(post["uri"].clone());
    again["id"] = json!(format!("{}#again", world.boats));
    let why = world.deliver(&world.boats, again).await;
    assert_eq!(why, "it was removed from the group");
    world.undo(removal).await;
    let back = world.home(&world.alice).await;
    assert_eq!((back.len(), on_profile().await), (1, 1));
    assert_eq!(back[0]["id"], home[0]["id"], "where it was");
    assert_eq!(back[0]["created_at"], home[0]["created_at"]);

    // Remove and Add, of the group itself, say the same.
    let mut remove = world.done(&moderator, "Remove", &post["uri"]);
    remove["target"] = json!(world.boats);
    assert_eq!(world.announce(remove).await, "");
    assert_eq!(world.home(&world.alice).await.len(), 0);
    let mut add = world.done(&moderator, "Add", &post["uri"]);
    add["target"] = json!(world.boats);
    assert_eq!(world.announce(add).await, "");
    assert_eq!(world.home(&world.alice).await.len(), 1);
    assert!(far.requests().is_empty(), "nobody has to be asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_comment_that_is_removed_is_its_authors_still() {
    let world = followed().await;
    let bob = world.server.person("bob").await;
    let post = world.posted("boat").await;
    let body = json!({"status": "rude", "in_reply_to_id": post["id"]});
    let own = world.post("/api/v1/statuses", body).await;
    world.moderate(&world.sara, "Delete", &own["uri"]).await;
    assert_eq!(world.below(&bob, &post).await, [] as [Value; 0]);
    assert_eq!(world.below(&world.alice, &post).await, [own["uri"].clone()]);
    let path = format!("/api/v1/statuses/{}", id(&own));
    assert_eq!(
        world.server.get(&bob, &path).await.entity("Status")["uri"],
        own["uri"]
    );
    let page = world
        .server
        .get_public(&format!("/@alice/{}", id(&own)))
        .await;
    assert_eq!(page.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_banned_with_all_they_posted_is_out_until_it_is_lifted() {
    let world = followed().await;
    let post = world.posted("boat").await;
    let comment = world.commented("spam", &post["uri"]).await;
    let moderator = world.peer.add_actor("moderator");
    let removed = world.moderate(&moderator, "Delete", &comment["uri"]).await;
    let mut ban = world.done(&moderator, "Block", &json!(world.sara));
    ban["target"] = json!(world.boats);
    // Without their posts nothing changes here.
    assert_eq!(world.announce(ban.clone()).await, "not understood");
    ban["removeData"] = json!(true);
    ban["id"] = json!(format!("{moderator}#ban"));
    assert_eq!(world.announce(ban.clone()).await, "");
    assert_eq!(world.home(&world.alice).await.len(), 0);
    world.undo(ban).await;
    assert_eq!(world.home(&world.alice).await.len(), 1);
    // What was removed for itself is not brought back by it.
    assert_eq!(world.below(&world.alice, &post).await, [] as [Value; 0]);
    world.undo(removed).await;
    assert_eq!(
        world.below(&world.alice, &post).await,
        [comment["uri"].clone()]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_discussion_takes_no_answers() {
    let world = followed().await;
    let post = world.posted("boat").await;
    let comment = world.commented("first", &post["uri"]).await;
    let answer = async |to: &Value| {
        let body = json!({"status": "and?", "in_reply_to_id": to["id"]});
        world
            .server
            .post(&world.alice, "/api/v1/statuses", body)
            .await
    };
    let lock = world.moderate(&world.sara, "Lock", &post["uri"]).await;
    for to in [&post, &comment] {
        let why = answer(to).await.refused(422);
        assert!(why.contains("locked"), "{why}");
    }
    // What came before goes on.
    let path = format!("/api/v1/statuses/{}/favourite", id(&post));
    world.post(&path, json!({})).await;
    world.undo(lock).await;
    answer(&comment).await.entity("Status");
    // Lemmy says it in the post, too.
    let mut page = world.page("boat");
    page["commentsEnabled"] = json!(false);
    page["updated"] = json!("2026-01-02T04:04:05Z");
    world.serve(&page);
    assert_eq!(world.announce(world.by_sara("Update", &page)).await, "");
    answer(&comment).await.refused(422);
    // Its end is the moderators' to say.
    let unlock = json!({
        "id": format!("{}#unlock", world.sara), "type": "Undo", "actor": world.sara,
        "object": world.by_sara("Lock", &post["uri"]), "audience": world.boats,
    });
    assert_eq!(world.announce(unlock).await, "");
    answer(&post).await.entity("Status");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pinned_in_a_group_is_by_anybody() {
    let world = followed().await;
    let post = world.posted("boat").await;
    let pinned = async || {
        let path = format!("/api/v1/accounts/{}/statuses?pinned=true", world.boats_here);
        let list = world
            .server
            .get(&world.alice, &path)
            .await
            .entities("Status");
        list.iter().map(|s| s["uri"].clone()).collect::<Vec<_>>()
    };
    let featured = json!(format!("{}/featured", world.boats));
    let mut pin = world.by_sara("Add", &post["uri"]);
    pin["target"] = featured.clone();
    assert_eq!(world.announce(pin).await, "");
    assert_eq!(pinned().await, [post["uri"].clone()]);
    let mut unpin = world.by_sara("Remove", &post["uri"]);
    unpin["target"] = featured.clone();
    assert_eq!(world.announce(unpin).await, "");
    assert_eq!(pinned().await, [] as [Value; 0]);
    // One's own post may be pinned by both.
    let own = world.post_to_boats("My boat").await;
    let mut pin = world.by_sara("Add", &own["uri"]);
    pin["target"] = featured;
    assert_eq!(world.announce(pin).await, "");
    let path = format!("/api/v1/statuses/{}/pin", id(&own));
    assert_eq!(world.post(&path, json!({})).await["pinned"], true);
    assert_eq!(pinned().await, [own["uri"].clone()]);
    // The list of moderators is asked for when it matters.
    let mut add = world.by_sara("Add", &json!(world.sara));
    add["target"] = json!(format!("{}/moderators", world.boats));
    assert_eq!(world.announce(add).await, "not understood");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moderator_who_writes_directly_has_to_be_one() {
    let world = followed().await;
    let far = Peer::start().await;
    let moderator = far.add_actor("moderator");
    let post = world.posted("boat").await;
    let listed = |list: Value| {
        let moderators = json!({
            "id": format!("{}/moderators", world.boats), "type": "OrderedCollection", "orderedItems": list,
        });
        world
            .peer
            .serve("/users/boats/moderators", Page::Document(moderators));
    };
    listed(json!([world.sara]));
    let delete = |n: u8| {
        let mut delete = world.done(&moderator, "Delete", &post["uri"]);
        delete["id"] = json!(format!("{moderator}#delete/{n}"));
        delete
    };
    let why = world.deliver(&moderator, delete(1)).await;
    assert_eq!(why, "the actor is no moderator of the group");
    assert_eq!(world.home(&world.alice).await.len(), 1);
    listed(json!([world.sara, moderator]));
    assert_eq!(world.deliver(&moderator, delete(2)).await, "");
    assert_eq!(world.home(&world.alice).await.len(), 0);
    let undo = json!({"id": format!("{moderator}#undo"), "type": "Undo", "actor": moderator,
        "object": delete(2), "cc": [world.boats]});
    assert_eq!(world.deliver(&moderator, undo).await, "");
    assert_eq!(world.home(&world.alice).await.len(), 1);
    // The group's own server speaks for it.
    let local = world.peer.add_actor("local");
    let delete = world.done(&local, "Delete", &post["uri"]);
    assert_eq!(world.deliver(&local, delete).await, "");
    assert_eq!(world.home(&world.alice).await.len(), 0);
}
