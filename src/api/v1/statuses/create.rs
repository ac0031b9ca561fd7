//! `POST /api/v1/statuses`

use axum::extract::State;
use http::HeaderMap;
use serde::Deserialize;

use super::answer;
use super::quotes::parse_policy;
use crate::api::entities::Json;
use crate::api::v1::{interaction_policies, scheduled_statuses};
use crate::app::App;
use crate::domain::drafts;
use crate::domain::polls::PollDraft;
use crate::domain::scheduled;
use crate::domain::statuses::{self, Draft};
use crate::domain::visibility::Visibility;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{self, Params};
use crate::text::language;

/// Longest idempotency key.
const MAX_KEY: usize = 256;

#[derive(Debug, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "params::text")]
    status: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    content_type: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    spoiler_text: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    sensitive: Option<bool>,
    #[serde(default, deserialize_with = "params::text")]
    visibility: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    local_only: Option<bool>,
    #[serde(default, deserialize_with = "params::text")]
    language: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    in_reply_to_id: Option<String>,
    #[serde(default, deserialize_with = "params::ids")]
    media_ids: Vec<i64>,
    #[serde(default)]
    poll: Option<PollBody>,
    #[serde(default, deserialize_with = "params::text")]
    scheduled_at: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    quoted_status_id: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    quote_approval_policy: Option<String>,
    /// GoToSocial's.
    #[serde(default)]
    interaction_policy: Option<interaction_policies::Body>,
    /// The draft that is posted by this: Kith's own.
    #[serde(default, deserialize_with = "params::integer")]
    draft_id: Option<i64>,
}

/// A poll as clients send it.
#[derive(Debug, Deserialize)]
pub struct PollBody {
    #[serde(default, deserialize_with = "params::texts")]
    options: Vec<String>,
    #[serde(default, deserialize_with = "params::integer")]
    expires_in: Option<i64>,
    #[serde(default, deserialize_with = "params::flag")]
    multiple: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    hide_totals: Option<bool>,
}

impl PollBody {
    /// As the domain takes it.
    pub fn draft(self) -> PollDraft {
        PollDraft {
            options: self.options,
            // None is as short as it can be, and refused as that.
            expires_in: self.expires_in.unwrap_or(0),
            multiple: self.multiple.unwrap_or(false),
            hide_totals: self.hide_totals.unwrap_or(false),
        }
    }
}

impl Body {
    /// As the domain takes it, but for the app and the idempotency key.
    pub fn draft(self) -> AppResult<Draft> {
        let (visibility, local_only) = match self.visibility.as_deref() {
            None | Some("") => (None, false),
            Some("local") => (Some(Visibility::Public), true),
            Some(text) => {
                let known = Visibility::parse(text).ok_or_else(|| {
                    AppError::invalid("Validation failed: Visibility is not included in the list")
                })?;
                (Some(known), false)
            }
        };
        Ok(Draft {
            text: self.status.unwrap_or_default(),
            content_type: self.content_type.unwrap_or_default(),
            spoiler_text: self.spoiler_text.unwrap_or_default(),
            sensitive: self.sensitive,
            visibility,
            local_only: local_only || self.local_only.unwrap_or(false),
            language: parse_language(self.language)?,
            in_reply_to_id: parse_reply(self.in_reply_to_id)?,
            media_ids: self.media_ids,
            poll: self.poll.map(PollBody::draft),
            quoted_status_id: parse_reply(self.quoted_status_id)?,
            quote_policy: parse_policy(self.quote_approval_policy)?,
            policies: interaction_policies::parse(self.interaction_policy)?,
            app_id: None,
            idempotency_key: None,
        })
    }
}

pub async fn post(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    headers: HeaderMap,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let scheduled_at = match body.scheduled_at.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => Some(scheduled_statuses::parse_time(text)?),
        None => None,
    };
    let idempotency_key = match headers.get("idempotency-key") {
        Some(key) => {
            let key = key
                .to_str()
                .ok()
                .filter(|key| key.len() <= MAX_KEY)
                .ok_or_else(|| AppError::bad_request("Invalid Idempotency-Key"))?;
            Some(key.to_owned()).filter(|key| !key.is_empty())
        }
        None => None,
    };
    let draft_id = body.draft_id;
    let draft = Draft {
        app_id: user.session.app_id,
        idempotency_key,
        ..body.draft()?
    };
    let ctx = app.ctx.clone();
    let author = user.account.clone();
    if let Some(at) = scheduled_at {
        let row = app
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(id) = draft_id {
                        drafts::posted(tx, &author, id).await?;
                    }
                    scheduled::schedule(tx, &ctx, &author, draft, at).await
                })
            })
            .await?;
        return scheduled_statuses::answer(&app, row).await;
    }
    crate::federation::resolve_mentions(&app, &draft.text).await;
    let status = app
        .write(move |tx| {
            Box::pin(async move {
                if let Some(id) = draft_id {
                    drafts::posted(tx, &author, id).await?;
                }
                statuses::post(tx, &ctx, &author, draft).await
            })
        })
        .await?;
    answer(&app, status.id, user.account.id).await
}

/// A language that a client named.
pub fn parse_language(text: Option<String>) -> AppResult<Option<String>> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => match language::normalize(&text) {
            Some(code) => Ok(Some(code)),
            None => Err(AppError::invalid(
                "Validation failed: Language is not valid",
            )),
        },
    }
}

fn parse_reply(text: Option<String>) -> AppResult<Option<i64>> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| AppError::not_found()),
    }
}
