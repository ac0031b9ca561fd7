//! What an admin does to a server as a whole.

mod backup;
mod commands;
mod disk;
mod doctor;
mod move_database;
mod reload;
mod storage;
pub mod store_away;
mod traces;
mod upkeep;
mod year;

use serde_json::{Value, json};

use crate::support::peer::eventually;
use crate::support::process::Process;

/// A server with something of most kinds: people who follow, post, vote, chat and keep files.
pub struct Town {
    pub process: Process,
    pub alice: String,
    pub bob: String,
    /// Where the picture of a post is served.
    pub picture: String,
    pub bytes: Vec<u8>,
}

impl Town {
    pub async fn start(settings: &[(&str, &str)]) -> Town {
        let process = Process::start_with(settings).await;
        let (alice, bob) = (process.person("alice"), process.person("bob"));
        let account = |name: &str| format!("/api/v1/accounts/lookup?acct={name}");
        let id = |found: Value| found["id"].as_str().expect("an id").to_owned();
        let her = id(process.get(&bob, &account("alice")).await.ok());
        let him = id(process.get(&alice, &account("bob")).await.ok());
        let follow = |who: &str| format!("/api/v1/accounts/{who}/follow");
        process.post(&bob, &follow(&her), &json!({})).await.ok();
        process.post(&alice, &follow(&him), &json!({})).await.ok();
        let file = process.upload(&alice, &png()).await;
        let post = json!({
            "status": "Straße in the rain ☔ \u{1f3f3}\u{fe0f}\u{200d}\u{1f308} \"quoted\" \\ back",
            "media_ids": [file["id"]],
            "sensitive": true,
            "visibility": "private",
        });
        let status = process.post(&alice, "/api/v1/statuses", &post).await.ok();
        let poll = json!({"status": "which?", "poll": {"options": ["a", "b"], "expires_in": 3600}});
        let asked = process.post(&bob, "/api/v1/statuses", &poll).await.ok();
        let vote = format!(
            "/api/v1/polls/{}/votes",
            asked["poll"]["id"].as_str().unwrap()
        );
        process
            .post(&alice, &vote, &json!({"choices": [1]}))
            .await
            .ok();
        let like = format!(
            "/api/v1/statuses/{}/favourite",
            status["id"].as_str().unwrap()
        );
        process.post(&bob, &like, &json!({})).await.ok();
        let filter = json!({"title": "no", "context": ["home"], "filter_action": "warn",
            "keywords_attributes": [{"keyword": "tax", "whole_word": true}]});
        process.post(&alice, "/api/v2/filters", &filter).await.ok();
        let picture = status["media_attachments"][0]["url"]
            .as_str()
            .unwrap()
            .to_owned();
        let bytes = file_at(&process, &picture)
            .await
            .expect("the picture is served");
        Town {
            process,
            alice,
            bob,
            picture,
            bytes,
        }
    }

    /// What the people see: the same before and after.
    pub async fn seen(&self) -> Vec<Value> {
        let mut seen = Vec::new();
        for (token, path) in [
            (&self.alice, "/api/v1/accounts/verify_credentials"),
            (&self.bob, "/api/v1/accounts/verify_credentials"),
            (&self.bob, "/api/v1/timelines/home"),
            (&self.bob, "/api/v1/notifications"),
            (&self.alice, "/api/v1/notifications"),
            (&self.alice, "/api/v2/filters"),
            (&self.bob, "/api/v1/favourites"),
            (&self.alice, "/api/v1/preferences"),
        ] {
            seen.push(self.process.get(token, path).await.ok());
        }
        seen
    }

    /// Asserts that it is the same server, and lives.
    pub async fn is_as(&self, before: &[Value]) {
        assert_eq!(self.seen().await, before);
        let picture = file_at(&self.process, &self.picture).await;
        assert_eq!(picture.as_deref(), Some(&self.bytes[..]), "the picture");
        let post = json!({"status": "risen"});
        let status = self
            .process
            .post(&self.alice, "/api/v1/statuses", &post)
            .await
            .ok();
        eventually("the post arrives", async || {
            let home = self
                .process
                .get(&self.bob, "/api/v1/timelines/home")
                .await
                .ok();
            (home[0]["id"] == status["id"]).then_some(())
        })
        .await;
        // The index is made anew.
        eventually("what was there is found", async || {
            let path = "/api/v2/search?q=rain&type=statuses";
            let found = self.process.get(&self.alice, path).await.ok();
            (found["statuses"].as_array().map(Vec::len) == Some(1)).then_some(())
        })
        .await;
    }
}

pub async fn file_at(process: &Process, url: &str) -> Option<Vec<u8>> {
    let answer = process.http.get(url).send().await.expect("an answer");
    let found = answer.status() == 200;
    let bytes = answer.bytes().await.expect("a body").to_vec();
    found.then_some(bytes)
}

/// A small picture.
pub fn png() -> Vec<u8> {
    let picture = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8, y as u8, 99]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("it encodes");
    bytes.into_inner()
}

/// Everything below a directory: names, sizes and times.
pub fn listing(dir: &std::path::Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory").flatten() {
        let known = entry.metadata().expect("it is there");
        let name = entry.path().display().to_string();
        if known.is_dir() {
            found.push((format!("{name}/"), 0));
            found.extend(listing(&entry.path()));
        } else {
            found.push((name, known.len()));
        }
    }
    found.sort();
    found
}
