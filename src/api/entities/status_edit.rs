//! Versions of an edited status (Mastodon documentation, entities/StatusEdit).

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::account::{self, Emoji, emojis};
use super::media::{self, MediaAttachment};
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::edits::StatusEdit;
use crate::db::media::Media;
use crate::domain::statuses::MediaVersion;
use crate::error::{AppError, AppResult};

/// `StatusEdit`.
#[derive(Debug, Serialize)]
pub struct Entity {
    content: String,
    spoiler_text: String,
    sensitive: bool,
    created_at: String,
    account: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    poll: Option<PollVersion>,
    media_attachments: Vec<MediaAttachment>,
    emojis: Vec<Emoji>,
}

#[derive(Debug, Serialize)]
struct PollVersion {
    options: Vec<Choice>,
}

#[derive(Debug, Serialize)]
struct Choice {
    title: String,
}

/// Shows the versions of a status by its author: attachments that are gone for good are left out.
pub async fn render(app: &App, author: i64, versions: Vec<StatusEdit>) -> AppResult<Vec<Entity>> {
    let account = account::render_one(app, author)
        .await?
        .ok_or_else(AppError::not_found)?;
    let held: Vec<Vec<MediaVersion>> = versions
        .iter()
        .map(|version| serde_json::from_str(&version.media).unwrap_or_default())
        .collect();
    let mut ids: Vec<i64> = held.iter().flatten().map(|media| media.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let files: HashMap<i64, Media> = app
        .read(move |c| Box::pin(async move { Ok(db::media::by_ids(c, &ids).await?) }))
        .await?
        .into_iter()
        .map(|media| (media.id, media))
        .collect();
    Ok(versions
        .into_iter()
        .zip(held)
        .map(|(version, held)| Entity {
            content: version.content,
            spoiler_text: version.spoiler_text,
            sensitive: version.sensitive,
            created_at: iso(version.created_at),
            account: account.clone(),
            poll: version.options.map(|titles| PollVersion {
                options: serde_json::from_str::<Vec<String>>(&titles)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|title| Choice { title })
                    .collect(),
            }),
            media_attachments: held
                .into_iter()
                .filter_map(|version| {
                    let file = files.get(&version.id)?.clone();
                    let described = Media {
                        description: version.description,
                        ..file
                    };
                    Some(media::render(&app.config, &described))
                })
                .collect(),
            emojis: emojis(&app.config, &version.emojis),
        })
        .collect())
}
