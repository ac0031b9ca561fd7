//! `PUT /api/v1/statuses/:id`

use axum::extract::{Path, State};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::answer;
use super::create::{PollBody, parse_language};
use super::quotes::parse_policy;
use crate::api::entities::Json;
use crate::api::v1::interaction_policies;
use crate::app::App;
use crate::db;
use crate::domain::statuses::{self, Edit, MediaChange, PollEdit};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

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
    language: Option<String>,
    media_ids: Option<Value>,
    #[serde(default, deserialize_with = "params::list")]
    media_attributes: Vec<MediaAttributes>,
    /// Absent: it stays; null or empty: it goes.
    #[serde(default, deserialize_with = "given")]
    poll: Option<Option<PollBody>>,
    #[serde(default, deserialize_with = "params::text")]
    quote_approval_policy: Option<String>,
    #[serde(default)]
    interaction_policy: Option<interaction_policies::Body>,
}

fn given<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Option<PollBody>>, D::Error> {
    match Value::deserialize(input)? {
        Value::Null => Ok(Some(None)),
        Value::String(text) if text.is_empty() => Ok(Some(None)),
        other => serde_json::from_value(other)
            .map(|body| Some(Some(body)))
            .map_err(serde::de::Error::custom),
    }
}

#[derive(Debug, Deserialize)]
struct MediaAttributes {
    #[serde(default, deserialize_with = "params::integer")]
    id: Option<i64>,
    #[serde(default, deserialize_with = "params::text")]
    description: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    focus: Option<String>,
}

impl MediaAttributes {
    fn change(self) -> AppResult<Option<(i64, MediaChange)>> {
        let focus = match self.focus.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => Some(focus(text).ok_or_else(|| {
                AppError::invalid("Validation failed: Focus must be two numbers")
            })?),
            None => None,
        };
        Ok(self.id.map(|id| (id, (self.description, focus))))
    }
}

/// `0.5,-0.25`
fn focus(text: &str) -> Option<(f64, f64)> {
    let (x, y) = text.split_once(',')?;
    let number = |text: &str| text.trim().parse().ok().filter(|n: &f64| n.is_finite());
    Some((number(x)?, number(y)?))
}

pub async fn put(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let media_ids = match body.media_ids {
        Some(value) => Some(
            params::ids(value)
                .map_err(|e| AppError::invalid("Validation failed").describe(e.to_string()))?,
        ),
        None => None,
    };
    let language = parse_language(body.language)?;
    let changes: Vec<Option<(i64, MediaChange)>> = body
        .media_attributes
        .into_iter()
        .map(MediaAttributes::change)
        .collect::<AppResult<_>>()?;
    let poll = match body.poll {
        None => PollEdit::Keep,
        Some(None) => PollEdit::Remove,
        Some(Some(body)) => PollEdit::Set(body.draft()),
    };
    let policies = interaction_policies::parse(body.interaction_policy)?;
    let quote_policy = parse_policy(body.quote_approval_policy)?;
    crate::federation::resolve_mentions(&app, body.status.as_deref().unwrap_or_default()).await;
    let ctx = app.ctx.clone();
    let author = user.account.clone();
    app.write(move |tx| {
        Box::pin(async move {
            let before = db::statuses::by_id(tx, id)
                .await?
                .filter(|s| s.account_id == author.id)
                .ok_or_else(AppError::not_found)?;
            let media_ids = match media_ids {
                Some(ids) => ids,
                // Not named: what is attached stays.
                None => db::media::of_statuses(tx, &[id])
                    .await?
                    .iter()
                    .map(|m| m.id)
                    .collect(),
            };
            let edit = Edit {
                text: body.status.unwrap_or_default(),
                content_type: body.content_type.unwrap_or(before.source_type),
                spoiler_text: body.spoiler_text.unwrap_or_default(),
                sensitive: body.sensitive.unwrap_or(before.sensitive),
                language,
                media_ids,
                media_changes: changes.into_iter().flatten().collect(),
                poll,
                quote_policy,
                policies,
            };
            statuses::edit(tx, &ctx, &author, id, edit).await
        })
    })
    .await?;
    answer(&app, id, user.account.id).await
}
