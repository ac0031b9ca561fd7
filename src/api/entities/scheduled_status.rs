//! Statuses to be posted later (Mastodon documentation, entities/ScheduledStatus).

use serde::Serialize;

use super::media::{self, MediaAttachment};
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::scheduled::Scheduled;
use crate::domain::polls::PollDraft;
use crate::domain::statuses::Draft;
use crate::error::AppResult;

/// `ScheduledStatus`.
#[derive(Debug, Serialize)]
pub struct Entity {
    id: String,
    scheduled_at: String,
    params: Params,
    media_attachments: Vec<MediaAttachment>,
}

#[derive(Debug, Serialize)]
struct Params {
    text: String,
    poll: Option<PollDraft>,
    media_ids: Option<Vec<String>>,
    sensitive: Option<bool>,
    spoiler_text: Option<String>,
    visibility: Option<&'static str>,
    in_reply_to_id: Option<i64>,
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_id: Option<i64>,
    scheduled_at: (),
    idempotency: Option<String>,
    with_rate_limit: bool,
}

/// Shows scheduled statuses to their author: one statement for their attachments.
pub async fn render(app: &App, rows: Vec<Scheduled>) -> AppResult<Vec<Entity>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let held = app
        .read(move |c| Box::pin(async move { Ok(db::scheduled::media_of(c, &ids).await?) }))
        .await?;
    let mut entities = Vec::with_capacity(rows.len());
    for row in rows {
        let draft: Draft = serde_json::from_str(&row.draft)?;
        // In the order the author named them.
        let files = draft.media_ids.iter().filter_map(|id| {
            held.iter()
                .find(|(of, media)| *of == row.id && media.id == *id)
                .map(|(_, media)| media::render(&app.config, media))
        });
        entities.push(Entity {
            id: row.id.to_string(),
            scheduled_at: iso(row.scheduled_at),
            media_attachments: files.collect(),
            params: Params {
                text: draft.text,
                poll: draft.poll,
                media_ids: Some(draft.media_ids)
                    .filter(|ids| !ids.is_empty())
                    .map(|ids| ids.iter().map(ToString::to_string).collect()),
                sensitive: draft.sensitive,
                spoiler_text: Some(draft.spoiler_text).filter(|text| !text.is_empty()),
                visibility: draft.visibility.map(|visibility| visibility.as_api()),
                in_reply_to_id: draft.in_reply_to_id,
                language: draft.language,
                application_id: draft.app_id,
                scheduled_at: (),
                idempotency: draft.idempotency_key,
                with_rate_limit: false,
            },
        });
    }
    Ok(entities)
}
