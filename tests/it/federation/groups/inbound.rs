//! Following a group, and what it passes on.

use serde_json::{Value, json};

use super::super::two_servers::{id, resolve};
use super::{PUBLIC, community, followed};
use crate::support::peer::{Page, Peer, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn posts_are_boosted_and_comments_stand_in_their_thread() {
    let world = followed().await;
    let page = world.page("boat");
    assert_eq!(world.announce(world.by_sara("Create", &page)).await, "");
    // The same again, as it is sent for those who know no groups.
    assert_eq!(world.announce(page["id"].clone()).await, "");
    let home = world.home(&world.alice).await;
    assert_eq!(home.len(), 1);
    assert_eq!(home[0]["account"]["id"], world.boats_here);
    assert_eq!(home[0]["account"]["group"], true);
    let post = &home[0]["reblog"];
    assert_eq!(
        (&post["uri"], &post["reblogs_count"]),
        (&page["id"], &json!(1))
    );

    let comment = world.commented("first", &page["id"]).await;
    let below = world.commented("second", &comment["uri"]).await;
    // Lemmy passes comments themselves on, too.
    assert_eq!(world.announce(below["uri"].clone()).await, "");
    assert_eq!(world.home(&world.alice).await.len(), 1);
    let thread = world.below(&world.alice, post).await;
    assert_eq!(thread, [comment["uri"].clone(), below["uri"].clone()]);
    let profile = format!("/api/v1/accounts/{}/statuses", world.boats_here);
    let profile = world.server.get(&world.alice, &profile).await;
    assert_eq!(profile.entities("Status").len(), 1);

    // An edit and a deletion by the author, which the origin confirms.
    let mut edited = page.clone();
    edited["content"] = json!("<p>She is slow</p>");
    edited["updated"] = json!("2026-01-02T04:04:05Z");
    world.serve(&edited);
    assert_eq!(world.announce(world.by_sara("Update", &edited)).await, "");
    let now = world.again(post).await;
    assert!(
        now["content"]
            .as_str()
            .unwrap()
            .ends_with("<p>She is slow</p>")
    );
    assert!(now["edited_at"].is_string());
    let path = format!("/api/v1/statuses/{}", id(post));
    let tombstone = json!({"id": page["id"], "type": "Tombstone"});
    let gone = Page::Raw(410, "application/activity+json", tombstone.to_string());
    world.peer.serve("/post/boat", gone);
    let delete = world.by_sara("Delete", &page["id"]);
    assert_eq!(world.announce(delete.clone()).await, "");
    // What was kept in memory goes a moment after it is written down.
    eventually("the post is gone", async || {
        let answer = world.server.get(&world.alice, &path).await;
        (answer.status == 404).then_some(())
    })
    .await;
    assert_eq!(world.home(&world.alice).await.len(), 0);
    // And back.
    world.serve(&page);
    let undo = json!({"id": format!("{}#undo/1", world.sara), "type": "Undo", "actor": world.sara,
        "object": delete, "audience": world.boats});
    assert_eq!(world.announce(undo).await, "");
    let home = world.home(&world.alice).await;
    assert_eq!(home[0]["reblog"]["uri"], page["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_is_in_a_home_already_is_not_doubled() {
    let world = followed().await;
    let handle = format!("@sara@{}", world.peer.domain());
    let sara = resolve(&world.server, &world.alice, &handle).await;
    let path = format!("/api/v1/accounts/{sara}/follow");
    world.server.post(&world.alice, &path, json!({})).await.ok();
    let follow = eventually("the Follow arrives", async || {
        let received = world.peer.received();
        received
            .into_iter()
            .find(|a| a["type"] == "Follow" && a["object"] == world.sara)
    })
    .await;
    let accept = json!({"id": format!("{}#accept", world.sara), "type": "Accept", "actor": world.sara, "object": follow});
    assert_eq!(world.deliver(&world.sara, accept).await, "");
    let bob = world.server.person("bob").await;
    world.follow(&bob).await;
    let page = world.page("boat");
    let create = world.by_sara("Create", &page);
    assert_eq!(world.deliver(&world.sara, create.clone()).await, "");
    assert_eq!(world.announce(create).await, "");
    let list = world.home(&world.alice).await;
    assert_eq!(list.len(), 1);
    assert_eq!(
        (&list[0]["uri"], &list[0]["reblog"]),
        (&page["id"], &Value::Null)
    );
    let list = world.home(&bob).await;
    assert_eq!((list.len(), &list[0]["reblog"]["uri"]), (1, &page["id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn votes_are_counted_and_named_where_they_are_known() {
    let world = followed().await;
    let far = Peer::start().await;
    let post = world.posted("boat").await;
    let uri = &post["uri"];
    let counts = async |what: &str, likes: i64, dislikes: i64| {
        let now = world.again(&post).await;
        let found = (&now["favourites_count"], &now["kith"]["dislikes_count"]);
        assert_eq!(found, (&json!(likes), &json!(dislikes)), "{what}");
    };
    let by = async |name: &str| {
        let path = format!("/api/v1/statuses/{}/favourited_by", id(&post));
        let list = world
            .server
            .get(&world.alice, &path)
            .await
            .entities("Account");
        assert_eq!(
            list.iter().filter(|a| a["username"] == name).count(),
            list.len()
        );
        list.len()
    };
    // Sara is known, and the community's server is hers.
    let like = world.by_sara("Like", uri);
    assert_eq!(world.announce(like.clone()).await, "");
    counts("sara's like", 1, 0).await;
    assert_eq!(by("sara").await, 1);
    // Whoever is not known, or lives elsewhere, is counted, and nothing is fetched.
    let tom = format!("{}/users/tom", far.origin);
    let jim = world.peer.add_actor("jim");
    for voter in [&tom, &jim] {
        let like = world.done(voter, "Like", uri);
        assert_eq!(world.announce(like.clone()).await, "");
        let mut again = world.announced(like);
        again["id"] = json!(format!("{}#again/{}", world.boats, voter.len()));
        assert_eq!(world.deliver(&world.boats, again).await, "");
    }
    counts("three likes", 3, 0).await;
    assert_eq!(by("sara").await, 1);
    assert!(far.requests().is_empty() && world.peer.asked("/users/jim") == 0);
    // A dislike takes a like's place, however it came.
    assert_eq!(world.announce(world.done(&tom, "Dislike", uri)).await, "");
    assert_eq!(world.announce(world.by_sara("Dislike", uri)).await, "");
    counts("two dislikes", 1, 2).await;
    // Jim votes by himself: it is the one vote that he has.
    let own = json!({"id": format!("{jim}#own"), "type": "Like", "actor": jim, "object": uri});
    assert_eq!(world.deliver(&jim, own).await, "");
    counts("jim's own", 1, 2).await;
    assert_eq!(by("jim").await, 1);
    // What is taken back is counted no more.
    for (n, (voter, verb)) in [
        (&tom, "Dislike"),
        (&world.sara, "Dislike"),
        (&jim, "Like"),
        (&tom, "Like"),
    ]
    .into_iter()
    .enumerate()
    {
        let undo = json!({
            "id": format!("{voter}#undo/{n}"), "type": "Undo", "actor": voter,
            "object": world.done(voter, verb, uri), "audience": world.boats,
        });
        assert_eq!(world.announce(undo).await, "");
    }
    counts("all taken back", 0, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_votes_on_ones_own_post_is_asked_for() {
    let world = followed().await;
    let far = Peer::start().await;
    let post = world.post_to_boats("My boat").await;
    let uri = &post["uri"];
    // Sara of the community's server, tom whose server says so, jim whose does not.
    let tom = far.add_actor("tom");
    let jim = far.add_actor("jim");
    let mut like = world.done(&tom, "Like", uri);
    like["id"] = json!(format!("{}/likes/1", far.origin));
    far.serve("/likes/1", Page::Document(like.clone()));
    for like in [
        like,
        world.by_sara("Like", uri),
        world.done(&jim, "Like", uri),
    ] {
        assert_eq!(world.announce(like).await, "");
    }
    let now = world.again(&post).await;
    assert_eq!(now["favourites_count"], 3);
    let path = format!("/api/v1/statuses/{}/favourited_by", id(&post));
    let list = world
        .server
        .get(&world.alice, &path)
        .await
        .entities("Account");
    let mut names: Vec<&str> = list
        .iter()
        .map(|a| a["username"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["sara", "tom"]);
    let mut told = world.told().await;
    told.sort();
    let like = |name: &str| ("favourite".to_owned(), name.to_owned());
    assert_eq!(told, [like("sara"), like("tom")]);
    // The author's analytics count them all, and no more when one goes.
    let undo = json!({"id": format!("{jim}#undo"), "type": "Undo", "actor": jim, "object": world.done(&jim, "Like", uri)});
    assert_eq!(world.announce(undo).await, "");
    let path = format!("/api/kith/v1/statuses/{}/analytics", id(&post));
    let numbers = world.server.get(&world.alice, &path).await.ok();
    assert_eq!(numbers["likes"], 2, "{numbers}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_group_accepts_by_hand_or_rejects_and_is_left() {
    let world = community(json!({"manuallyApprovesFollowers": true})).await;
    let path = format!("/api/v1/accounts/{}", world.boats_here);
    let account = world
        .server
        .get(&world.alice, &path)
        .await
        .entity("Account");
    assert_eq!(
        (&account["locked"], &account["group"]),
        (&json!(true), &json!(true))
    );
    world.ask(&world.alice).await;
    world.stands(&world.alice, "requested", true).await;
    let page = world.page("early");
    let why = world.announce(world.by_sara("Create", &page)).await;
    assert_eq!(why, "it concerns nobody here");
    world.answer(&world.alice, "Reject").await;
    world.stands(&world.alice, "requested", false).await;
    world.ask(&world.alice).await;
    world.stands(&world.alice, "requested", true).await;
    eventually("the second Follow arrives", async || {
        let follows = world.peer.received();
        let follows = follows.iter().filter(|a| a["type"] == "Follow").count();
        (follows == 2).then_some(())
    })
    .await;
    world.answer(&world.alice, "Accept").await;
    world.stands(&world.alice, "following", true).await;
    world.posted("boat").await;
    assert_eq!(world.home(&world.alice).await.len(), 1);
    let unfollow = format!("{path}/unfollow");
    world
        .server
        .post(&world.alice, &unfollow, json!({}))
        .await
        .ok();
    let undo = world.sent("Undo", &json!(world.boats)).await;
    assert_eq!(undo["object"]["type"], "Follow");
    assert_eq!(world.home(&world.alice).await.len(), 0);
    let page = world.page("late");
    let why = world.announce(world.by_sara("Create", &page)).await;
    assert_eq!(why, "it concerns nobody here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_named_among_the_recipients_or_looked_up() {
    let world = followed().await;
    // Without `audience`, as some versions of Lemmy write.
    let mut page = world.page("plain");
    page.as_object_mut().unwrap().remove("audience");
    world.serve(&page);
    assert_eq!(world.announce(world.by_sara("Create", &page)).await, "");
    assert_eq!(world.home(&world.alice).await.len(), 1);
    // A post that is found by its address: its group is asked for, and gets the answer.
    let other = world.peer.add_actor_with("ships", json!({"type": "Group"}));
    let mut page = world.page("elsewhere");
    page["to"] = json!([other, PUBLIC]);
    page["audience"] = json!(other);
    world.serve(&page);
    let query: String = url::form_urlencoded::byte_serialize(id(&page).as_bytes()).collect();
    let path = format!("/api/v2/search?q={query}&resolve=true&type=statuses");
    let found = world.server.get(&world.alice, &path).await.entity("Search");
    let body = json!({"status": "nice", "in_reply_to_id": found["statuses"][0]["id"]});
    let answer = world.post("/api/v1/statuses", body).await;
    let create = eventually("the group gets the answer", async || {
        let came = world.peer.deliveries();
        let mut came = came
            .into_iter()
            .filter(|(path, _)| path == "/users/ships/inbox");
        came.find(|(_, a)| a["object"]["id"] == answer["uri"])
    })
    .await;
    assert_eq!(create.1["object"]["audience"], other);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_the_group_is_read_from_its_origin() {
    let world = followed().await;
    let name = async || {
        let path = format!("/api/v1/accounts/{}", world.boats_here);
        let account = world
            .server
            .get(&world.alice, &path)
            .await
            .entity("Account");
        account["display_name"].as_str().unwrap().to_owned()
    };
    let update = |name: &str, by: &str| {
        json!({
            "id": format!("{by}#update/{name}"), "type": "Update", "actor": by,
            "object": {"id": world.boats, "type": "Group", "preferredUsername": "boats", "name": "Forged"},
            "to": [PUBLIC], "cc": [world.boats], "audience": world.boats,
        })
    };
    for (n, direct) in [("Ships", false), ("Rafts", true)] {
        world
            .peer
            .add_actor_with("boats", json!({"type": "Group", "name": n}));
        let update = update(n, &world.sara);
        let why = match direct {
            true => world.deliver(&world.sara, update).await,
            false => world.announce(update).await,
        };
        assert_eq!((why.as_str(), name().await.as_str()), ("", n));
    }
    // A stranger has nobody asked.
    let far = Peer::start().await;
    let mallory = far.add_actor("mallory");
    let asked = world.peer.asked("/users/boats");
    let why = world.deliver(&mallory, update("Forged", &mallory)).await;
    assert_ne!(why, "");
    assert_eq!(
        (name().await.as_str(), world.peer.asked("/users/boats")),
        ("Rafts", asked)
    );
}
