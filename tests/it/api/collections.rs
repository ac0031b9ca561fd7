//! `/api/v1/collections`: featured collections of people here.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::ids;
use crate::support::{Answer, Person, Server};

const ALL: &str = "/api/v1/collections";

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

fn path(collection: &Value) -> String {
    format!("{ALL}/{}", id(collection))
}

pub async fn make(server: &Server, who: &Person, body: Value) -> Value {
    let made = server.post(who, ALL, body).await;
    made.entity("WrappedCollection")["collection"].clone()
}

async fn patch(server: &Server, who: &Person, path: &str, body: Value) -> Answer {
    server
        .send(Method::PATCH, path, Some(&who.token), Some(&body))
        .await
}

/// Changes of one's own profile.
async fn profile(server: &Server, who: &Person, changes: Value) {
    let path = "/api/v1/accounts/update_credentials";
    patch(server, who, path, changes)
        .await
        .entity("CredentialAccount");
}

async fn put(server: &Server, who: &Person, collection: &Value, account: &str) -> Answer {
    let items = format!("{}/items", path(collection));
    server
        .post(who, &items, json!({"account_id": account}))
        .await
}

/// Who is in a collection, as somebody sees it, by account id and state.
async fn members(server: &Server, who: &Person, collection: &Value) -> Vec<(String, String)> {
    let shown = server.get(who, &path(collection)).await;
    let shown = shown.entity("CollectionWithAccounts");
    let items = shown["collection"]["items"].as_array().unwrap().clone();
    assert_eq!(shown["collection"]["item_count"], items.len());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    items
        .iter()
        .map(|item| (text(&item["account_id"]), text(&item["state"])))
        .collect()
}

async fn listed(server: &Server, who: &Person, of: &str, list: &str) -> Vec<String> {
    let path = format!("/api/v1/accounts/{of}/{list}");
    let found = server.get(who, &path).await.entity("Collections");
    ids(found["collections"].as_array().unwrap())
}

async fn told(server: &Server, who: &Person, kind: &str) -> Vec<Value> {
    let path = format!("/api/v1/notifications?types[]={kind}");
    server.get(who, &path).await.entities("Notification")
}

#[tokio::test(flavor = "multi_thread")]
async fn collections_are_made_shown_changed_and_deleted() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let body = json!({
        "name": " Nice  accounts ", "description": "These are <nice> & kind", "language": "EN",
        "tag_name": "#Accounts", "sensitive": true, "discoverable": true, "account_ids": [bob.id()],
    });
    let made = make(&server, &alice, body).await;
    assert_eq!(made["name"], "Nice accounts");
    assert_eq!(made["description"], "These are &lt;nice&gt; &amp; kind");
    assert_eq!(made["language"], "en");
    assert_eq!(made["tag"]["name"], "Accounts");
    assert_eq!(made["tag"]["url"], format!("{}/tags/accounts", server.url));
    assert_eq!(made["account_id"], json!(alice.id()));
    assert_eq!(
        (&made["local"], &made["sensitive"], &made["discoverable"]),
        (&json!(true), &json!(true), &json!(true))
    );
    assert_eq!(made["items"][0]["state"], "accepted");
    // Everyone sees it, with its owner and whom it features.
    let shown = server.get_public(&path(&made)).await;
    let shown = shown.entity("CollectionWithAccounts");
    assert_eq!(shown["collection"], made);
    assert_eq!(
        ids(shown["accounts"].as_array().unwrap()),
        [alice.id(), bob.id()]
    );
    let alpha = format!("/api/v1_alpha/accounts/{}/collections", alice.id());
    let found = server.get_public(&alpha).await.entity("Collections");
    assert_eq!(found["collections"], json!([made]));
    // A form does as well.
    let request = server
        .http
        .patch(format!("{}{}", server.url, path(&made)))
        .bearer_auth(&alice.token)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("name=Nicer&tag_name=&language=&sensitive=false");
    let changed = Answer::of(request, "PATCH".to_owned()).await;
    let changed = changed.entity("WrappedCollection")["collection"].clone();
    assert_eq!(changed["name"], "Nicer");
    assert_eq!(changed["description"], made["description"]);
    assert_eq!(
        (&changed["tag"], &changed["language"], &changed["sensitive"]),
        (&Value::Null, &Value::Null, &json!(false))
    );
    server.delete(&alice, &path(&made)).await.ok();
    server.get(&alice, &path(&made)).await.refused(404);
    server.delete(&alice, &path(&made)).await.refused(404);
    assert!(
        listed(&server, &alice, &alice.id(), "collections")
            .await
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_will_not_do_is_refused() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    for (body, why) in [
        (json!({}), "Name can't be blank"),
        (json!({"name": "  "}), "Name can't be blank"),
        (
            json!({"name": "x".repeat(41)}),
            "Name is too long (maximum is 40 characters)",
        ),
        (
            json!({"name": "x", "description": "x".repeat(101)}),
            "Description is too long (maximum is 100 characters)",
        ),
        (
            json!({"name": "x", "language": "klingonese"}),
            "Language is invalid",
        ),
        (
            json!({"name": "x", "tag_name": "no tag"}),
            "Tag name is invalid",
        ),
    ] {
        let error = server.post(&alice, ALL, body).await.refused(422);
        assert_eq!(error, format!("Validation failed: {why}"));
    }
    let unknown = json!({"name": "x", "account_ids": ["1"]});
    server.post(&alice, ALL, unknown).await.refused(422);
    let many: Vec<String> = (1..=26).map(|n| n.to_string()).collect();
    let many = json!({"name": "x", "account_ids": many});
    server.post(&alice, ALL, many).await.refused(422);
    server
        .send(Method::POST, ALL, None, Some(&json!({"name": "x"})))
        .await
        .refused(401);
    // Nothing of that was made.
    assert!(
        listed(&server, &alice, &alice.id(), "collections")
            .await
            .is_empty()
    );
    let made = make(
        &server,
        &alice,
        json!({"name": "mine", "description": "é".repeat(100)}),
    )
    .await;
    let items = format!("{}/items", path(&made));
    let error = server.post(&alice, &items, json!({})).await.refused(422);
    assert_eq!(error, "`account_id` parameter is missing");
    for account in ["1", "x"] {
        put(&server, &alice, &made, account).await.refused(422);
    }
    put(&server, &alice, &made, &bob.id())
        .await
        .entity("WrappedCollectionItem");
    put(&server, &alice, &made, &bob.id()).await.refused(422);
    // What is somebody else's is not to be changed.
    let item = server.get(&bob, &path(&made)).await.ok()["collection"]["items"][0].clone();
    let item = format!("{items}/{}", id(&item));
    patch(&server, &bob, &path(&made), json!({"name": "ours"}))
        .await
        .refused(403);
    put(&server, &bob, &made, &bob.id()).await.refused(403);
    server.delete(&bob, &item).await.refused(403);
    server.delete(&bob, &path(&made)).await.refused(403);
    server
        .post(&alice, &format!("{item}/revoke"), json!({}))
        .await
        .refused(403);
    for wrong in [format!("{items}/1"), format!("{ALL}/1/items/1")] {
        server.delete(&alice, &wrong).await.refused(404);
        server
            .post(&bob, &format!("{wrong}/revoke"), json!({}))
            .await
            .refused(404);
    }
    server.get(&bob, &format!("{ALL}/x")).await.refused(404);
    // Ten are all one may have.
    for n in 1..10 {
        make(&server, &alice, json!({"name": format!("more {n}")})).await;
    }
    server
        .post(&alice, ALL, json!({"name": "eleventh"}))
        .await
        .refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_holds_twenty_five() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let mut people = Vec::new();
    for n in 0..26 {
        people.push(server.person(&format!("p{n}")).await.id());
    }
    let made = make(
        &server,
        &alice,
        json!({"name": "full", "account_ids": people[..24]}),
    )
    .await;
    put(&server, &alice, &made, &people[24]).await.ok();
    put(&server, &alice, &made, &people[25]).await.refused(422);
    let order: Vec<String> = members(&server, &alice, &made)
        .await
        .into_iter()
        .map(|m| m.0)
        .collect();
    assert_eq!(order, people[..25]);
    // A page costs the same however many are in it.
    let small = make(
        &server,
        &alice,
        json!({"name": "small", "account_ids": people[..1]}),
    )
    .await;
    let cost = async |collection: &Value| {
        let path = path(collection);
        server.get(&alice, &path).await.ok();
        server
            .cost(async || drop(server.get(&alice, &path).await.ok()))
            .await
    };
    assert_eq!(cost(&small).await, cost(&made).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_featured_without_leave() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let made = make(&server, &alice, json!({"name": "mine"})).await;
    let approval = async |reader: &Person| {
        let path = format!("/api/v1/accounts/{}", bob.id());
        let shown = server.get(reader, &path).await.entity("Account");
        shown["feature_approval"].clone()
    };
    assert_eq!(
        approval(&alice).await,
        json!({"automatic": ["public"], "manual": [], "current_user": "automatic"})
    );
    profile(&server, &bob, json!({"discoverable": false})).await;
    assert_eq!(
        approval(&alice).await,
        json!({"automatic": [], "manual": [], "current_user": "denied"})
    );
    put(&server, &alice, &made, &bob.id()).await.refused(422);
    // Whoever approves followers is featured by them.
    profile(&server, &bob, json!({"discoverable": true, "locked": true})).await;
    assert_eq!(
        approval(&alice).await,
        json!({"automatic": ["followers"], "manual": [], "current_user": "denied"})
    );
    put(&server, &alice, &made, &bob.id()).await.refused(422);
    let follow = format!("/api/v1/accounts/{}/follow", bob.id());
    server.post(&alice, &follow, json!({})).await.ok();
    let allow = format!("/api/v1/follow_requests/{}/authorize", alice.id());
    server.post(&bob, &allow, json!({})).await.ok();
    assert_eq!(approval(&alice).await["current_user"], "automatic");
    assert_eq!(approval(&bob).await["current_user"], "automatic");
    put(&server, &alice, &made, &bob.id()).await.ok();
    // A block ends it in both directions.
    let theirs = make(
        &server,
        &bob,
        json!({"name": "theirs", "account_ids": [alice.id()]}),
    )
    .await;
    let block = format!("/api/v1/accounts/{}/block", alice.id());
    server.post(&bob, &block, json!({})).await.ok();
    assert!(members(&server, &alice, &made).await.is_empty());
    assert!(members(&server, &bob, &theirs).await.is_empty());
    assert_eq!(approval(&alice).await["current_user"], "denied");
    put(&server, &alice, &made, &bob.id()).await.refused(422);
    put(&server, &bob, &theirs, &alice.id()).await.refused(422);
    // Whom the owner blocks sees nothing of it.
    server.get(&alice, &path(&theirs)).await.refused(404);
    assert!(
        listed(&server, &alice, &bob.id(), "collections")
            .await
            .is_empty()
    );
    patch(&server, &alice, &path(&theirs), json!({"name": "x"}))
        .await
        .refused(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_featured_hears_of_it_and_may_leave_for_good() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let made = make(
        &server,
        &alice,
        json!({"name": "mine", "account_ids": [bob.id()]}),
    )
    .await;
    put(&server, &alice, &made, &carol.id()).await.ok();
    for person in [&bob, &carol] {
        let notes = told(&server, person, "added_to_collection").await;
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0]["collection"]["id"], made["id"]);
        assert_eq!(notes[0]["account"]["id"], json!(alice.id()));
    }
    // Grouped, it stands alone, with the collection.
    let groups = server.get(&bob, "/api/v2/notifications").await;
    let groups = groups.entity("GroupedNotificationsResults");
    let group = &groups["notification_groups"][0];
    assert_eq!(group["type"], "added_to_collection");
    assert_eq!(group["collection"]["id"], made["id"]);
    // Kith's own list has it, too.
    let own = server.get(&bob, "/api/kith/v1/notifications").await;
    let own = own.entities("Kith__Notification");
    assert_eq!(own[0]["type"], "added_to_collection");
    assert_eq!(own[0]["message"], "alice added you to a collection");
    // Of several edits the newest is told; what names nobody anew is not.
    for name in ["first", "second"] {
        patch(&server, &alice, &path(&made), json!({"name": name}))
            .await
            .ok();
    }
    patch(&server, &alice, &path(&made), json!({"sensitive": true}))
        .await
        .ok();
    let notes = told(&server, &bob, "collection_update").await;
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0]["collection"]["name"], "second");
    assert!(told(&server, &alice, "collection_update").await.is_empty());
    // What one is in is for oneself alone.
    assert_eq!(
        listed(&server, &bob, &bob.id(), "in_collections").await,
        [id(&made)]
    );
    let others = format!("/api/v1/accounts/{}/in_collections", bob.id());
    server.get(&alice, &others).await.refused(403);
    server.get_public(&others).await.refused(401);
    // Bob leaves, and stays away.
    let shown = server.get(&bob, &path(&made)).await.ok();
    let item = id(&shown["collection"]["items"][0]).to_owned();
    let revoke = format!("{}/items/{item}/revoke", path(&made));
    server.post(&carol, &revoke, json!({})).await.refused(403);
    server.post(&bob, &revoke, json!({})).await.ok();
    server.post(&bob, &revoke, json!({})).await.ok();
    assert_eq!(
        members(&server, &alice, &made).await,
        [(carol.id(), "accepted".to_owned())]
    );
    assert!(
        listed(&server, &bob, &bob.id(), "in_collections")
            .await
            .is_empty()
    );
    assert!(told(&server, &bob, "added_to_collection").await.is_empty());
    assert!(told(&server, &bob, "collection_update").await.is_empty());
    put(&server, &alice, &made, &bob.id()).await.refused(422);
    // Carol is taken out, and may come again.
    let shown = server.get(&alice, &path(&made)).await.ok();
    let item = id(&shown["collection"]["items"][0]).to_owned();
    let item = format!("{}/items/{item}", path(&made));
    server.delete(&alice, &item).await.ok();
    server.delete(&alice, &item).await.refused(404);
    assert!(
        told(&server, &carol, "added_to_collection")
            .await
            .is_empty()
    );
    put(&server, &alice, &made, &carol.id()).await.ok();
    assert_eq!(told(&server, &carol, "added_to_collection").await.len(), 1);
    server.delete(&alice, &path(&made)).await.ok();
    assert!(
        told(&server, &carol, "added_to_collection")
            .await
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_collections_show_what_is_for_the_reader() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let mut open = Vec::new();
    for n in 0..5 {
        let body = json!({"name": format!("open {n}"), "account_ids": [bob.id(), carol.id()]});
        open.insert(0, id(&make(&server, &alice, body).await).to_owned());
        // Sorted by time, to the millisecond.
        server.pass(1);
    }
    let body = json!({"name": "quiet", "discoverable": false});
    let quiet = make(&server, &alice, body).await;
    assert_eq!(
        listed(&server, &bob, &alice.id(), "collections").await,
        open
    );
    assert_eq!(
        listed(&server, &alice, &alice.id(), "collections")
            .await
            .len(),
        6
    );
    // Whoever has its address sees it.
    server
        .get_public(&path(&quiet))
        .await
        .entity("CollectionWithAccounts");
    // By pages.
    let mut found = Vec::new();
    let mut next = Some(format!(
        "/api/v1/accounts/{}/collections?limit=2",
        alice.id()
    ));
    while let Some(page) = next {
        let answer = server.get(&bob, &page).await;
        next = answer.link("next");
        assert_eq!(answer.link("prev").is_some(), page.contains("offset"));
        found.extend(ids(answer.entity("Collections")["collections"]
            .as_array()
            .unwrap()));
    }
    assert_eq!(found, open);
    // Whom one blocks is left out, of one's own view alone.
    let block = format!("/api/v1/accounts/{}/block", carol.id());
    server.post(&bob, &block, json!({})).await.ok();
    let first = json!({"id": open[0]});
    assert_eq!(
        members(&server, &bob, &first).await,
        [(bob.id(), "accepted".to_owned())]
    );
    assert_eq!(members(&server, &alice, &first).await.len(), 2);
    // A token has to cover it.
    let token = server.token(&alice, "read:statuses write:statuses").await;
    for (method, path) in [
        (Method::GET, path(&quiet)),
        (
            Method::GET,
            format!("/api/v1/accounts/{}/collections", alice.id()),
        ),
        (Method::DELETE, path(&quiet)),
    ] {
        server
            .send(method, &path, Some(&token), None)
            .await
            .refused(403);
    }
    let token = server
        .token(&alice, "read:collections write:collections")
        .await;
    server
        .send(Method::GET, &path(&quiet), Some(&token), None)
        .await
        .ok();
    server
        .send(Method::DELETE, &path(&quiet), Some(&token), None)
        .await
        .ok();
    server
        .get(&bob, "/api/v1/accounts/1/collections")
        .await
        .refused(404);
    let role = server
        .get(&alice, "/api/v1/accounts/verify_credentials")
        .await;
    assert_eq!(
        role.entity("CredentialAccount")["role"]["collection_limit"],
        10
    );
}
