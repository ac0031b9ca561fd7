//! Drafts.

use serde::Serialize;

use super::interaction_policy;
use super::media::{self, MediaAttachment};
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::drafts::DraftRow;
use crate::domain::polls::PollDraft;
use crate::domain::quotes::Policy;
use crate::domain::statuses::Draft;
use crate::domain::visibility::Visibility;
use crate::error::AppResult;

/// `Draft`.
#[derive(Debug, Serialize)]
pub struct Entity {
    id: String,
    params: Params,
    media_attachments: Vec<MediaAttachment>,
    created_at: String,
    updated_at: String,
}

/// As those of a scheduled status, with what else a post can be sent with; ids are texts.
#[derive(Debug, Serialize)]
struct Params {
    text: String,
    content_type: Option<String>,
    poll: Option<PollDraft>,
    media_ids: Option<Vec<String>>,
    sensitive: Option<bool>,
    spoiler_text: Option<String>,
    visibility: Option<&'static str>,
    local_only: bool,
    in_reply_to_id: Option<String>,
    language: Option<String>,
    quoted_status_id: Option<String>,
    quote_approval_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interaction_policy: Option<interaction_policy::Entity>,
}

/// Shows drafts to their author: one statement for their attachments. Those that are gone, or
/// were posted, are left out.
pub async fn render(app: &App, rows: Vec<DraftRow>) -> AppResult<Vec<Entity>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let held = app
        .read(move |c| Box::pin(async move { Ok(db::drafts::media_of(c, &ids).await?) }))
        .await?;
    let mut entities = Vec::with_capacity(rows.len());
    for row in rows {
        let draft: Draft = serde_json::from_str(&row.draft)?;
        // In the order the author named them.
        let files: Vec<_> = draft
            .media_ids
            .iter()
            .filter_map(|id| {
                held.iter()
                    .find(|(of, media)| *of == row.id && media.id == *id)
                    .map(|(_, media)| media)
            })
            .collect();
        let media_ids: Vec<String> = files.iter().map(|media| media.id.to_string()).collect();
        entities.push(Entity {
            id: row.id.to_string(),
            media_attachments: files
                .iter()
                .map(|file| media::render(&app.config, file))
                .collect(),
            params: params(draft, media_ids),
            created_at: iso(row.created_at),
            updated_at: iso(row.updated_at),
        });
    }
    Ok(entities)
}

fn params(draft: Draft, media_ids: Vec<String>) -> Params {
    let said = |text: String| Some(text).filter(|text| !text.is_empty());
    Params {
        text: draft.text,
        content_type: said(draft.content_type),
        poll: draft.poll,
        media_ids: Some(media_ids).filter(|ids| !ids.is_empty()),
        sensitive: draft.sensitive,
        spoiler_text: said(draft.spoiler_text),
        visibility: draft.visibility.map(|visibility| match visibility {
            Visibility::Mutuals => "mutuals",
            other => other.as_api(),
        }),
        local_only: draft.local_only,
        in_reply_to_id: draft.in_reply_to_id.map(|id| id.to_string()),
        language: draft.language,
        quoted_status_id: draft.quoted_status_id.map(|id| id.to_string()),
        interaction_policy: draft.policies.map(interaction_policy::entity),
        quote_approval_policy: draft.quote_policy.and_then(|policy| {
            ["public", "followers", "nobody"]
                .into_iter()
                .find(|name| Policy::parse(name) == Some(policy))
        }),
    }
}
