//! R3 and R4: a long thread, grouped notifications.

use serde_json::{Value, json};

use crate::client::{Connection, get, load, post};
use crate::report;
use crate::seed::{scatter, text};
use crate::site::Site;

const REPLIES: usize = 200;
const GROUPS: usize = 40;

/// Posts, and gives the status's id.
async fn posted(site: &Site, connection: &mut Connection, token: &str, body: &Value) -> String {
    let request = post(&site.host, "/api/v1/statuses", token, &body.to_string());
    let status = connection.json(&request).await;
    status["id"].as_str().expect("an id").to_owned()
}

/// Reads one page over and over; gives how long it is in kB.
async fn read(site: &Site, request: Vec<u8>, times: usize) -> (usize, crate::Run) {
    let mut connection = Connection::open(&site.address).await;
    let (_, length) = connection.send(&request).await;
    load(&site.address, 16, 200, vec![request.clone(); times / 10]).await;
    let run = load(&site.address, 16, 200, vec![request; times]).await;
    (length / 1000, run)
}

pub async fn thread() {
    let site = Site::start().await;
    let people = site.people(20).await;
    let mut connection = Connection::open(&site.address).await;
    let mut ids: Vec<String> = Vec::new();
    for n in 0..=REPLIES {
        let mut body = json!({"status": text(n)});
        // To any that is there: some have many replies, some chains are long.
        if n > 0 {
            body["in_reply_to_id"] = json!(ids[scatter(n as u64) as usize % n]);
        }
        let (_, token) = &people[n % people.len()];
        ids.push(posted(&site, &mut connection, token, &body).await);
    }
    let path = format!("/api/v1/statuses/{}/context", ids[0]);
    let request = get(&site.host, &path, &people[0].1);
    let context = connection.json(&request).await;
    let replies = context["descendants"].as_array().map(Vec::len);
    assert_eq!(replies, Some(REPLIES), "all replies");
    let (length, run) = read(&site, request, 5_000).await;
    report(
        "R3",
        &format!("context, {REPLIES} replies, {length} kB, 16 connections"),
        run.figure(),
        "≥ 500/s",
    );
}

pub async fn notifications() {
    let site = Site::start().await;
    let (_, token) = site.person("alice").await;
    let people = site.people(8).await;
    let mut connection = Connection::open(&site.address).await;
    let mut deeds = Vec::new();
    for n in 0..GROUPS / 2 {
        let body = json!({"status": text(n)});
        let id = posted(&site, &mut connection, &token, &body).await;
        // A group for each verb.
        for verb in ["favourite", "reblog"] {
            let path = format!("/api/v1/statuses/{id}/{verb}");
            deeds.extend(
                people
                    .iter()
                    .map(|(_, token)| post(&site.host, &path, token, "{}")),
            );
        }
    }
    load(&site.address, 8, 200, deeds).await;
    let path = format!("/api/v2/notifications?limit={GROUPS}");
    let request = get(&site.host, &path, &token);
    let page = connection.json(&request).await;
    let groups = page["notification_groups"].as_array().map(Vec::len);
    assert_eq!(groups, Some(GROUPS), "a group for each verb and status");
    let (length, run) = read(&site, request, 20_000).await;
    report(
        "R4",
        &format!("notifications, {GROUPS} groups of 8, {length} kB, 16 connections"),
        run.figure(),
        "≥ 3,000/s",
    );
}
