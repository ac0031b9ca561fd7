//! `POST /api/v1/statuses/:id/translate`, `GET /api/v1/instance/translation_languages`

use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::shown;
use crate::api::entities::Json;
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::error::{AppError, AppResult};
use crate::http::auth::{MaybeUser, outside_scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};
use crate::text::{self, language, sanitize};
use crate::translate::{Languages, TranslateError, Translator};

/// The service's name, as clients show it.
const PROVIDER: &str = "LibreTranslate";

#[derive(Debug, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "params::text")]
    lang: Option<String>,
}

/// `Translation`.
#[derive(Debug, Serialize)]
struct Translation {
    content: String,
    spoiler_text: String,
    language: String,
    poll: Option<Poll>,
    media_attachments: Vec<Attachment>,
    detected_source_language: String,
    provider: &'static str,
}

#[derive(Debug, Serialize)]
struct Poll {
    id: String,
    options: Vec<PollOption>,
}

#[derive(Debug, Serialize)]
struct PollOption {
    title: String,
}

#[derive(Debug, Serialize)]
struct Attachment {
    id: String,
    description: String,
}

/// 503 where no service is configured.
fn translator(app: &App) -> AppResult<&Translator> {
    app.translator.as_ref().ok_or_else(|| {
        AppError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Translation is not available on this server",
        )
    })
}

fn unavailable(error: TranslateError) -> AppError {
    let text = match error {
        TranslateError::TooMany => {
            "There have been too many requests to the translation service recently."
        }
        TranslateError::Refused => {
            "The server-wide usage quota for the translation service has been exceeded."
        }
        TranslateError::Unavailable(_) => "The translation service is not available",
    };
    tracing::warn!(%error, "a translation failed");
    AppError::new(StatusCode::SERVICE_UNAVAILABLE, text)
}

pub async fn post(
    State(app): State<App>,
    user: MaybeUser,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    // An app's own token will do.
    let session = user.session.as_ref().ok_or_else(AppError::unauthorized)?;
    if !session.allows("read:statuses") {
        return Err(outside_scope());
    }
    let id = path_id(&id)?;
    let reader = user.account.as_ref().map(|account| account.id);
    let entity = shown(&app, id, reader).await?;
    let status: Value = serde_json::from_str(entity.get())?;
    // A reblog is translated as what it is of.
    let status = match status.get("reblog") {
        Some(original) if original.is_object() => original.clone(),
        _ => status,
    };
    let service = translator(&app)?;
    let forbidden = || AppError::forbidden("This action is not allowed");
    if !matches!(status["visibility"].as_str(), Some("public" | "unlisted")) {
        return Err(forbidden());
    }
    let wanted = match body.lang.filter(|lang| !lang.is_empty()) {
        Some(lang) => lang,
        None => locale(&app, reader).await?,
    };
    let languages = service
        .languages(app.clock.now_ms())
        .await
        .map_err(unavailable)?;
    let source = status["language"]
        .as_str()
        .and_then(|code| supported(code, languages.keys()));
    let targets = languages
        .get(source.unwrap_or("und"))
        .ok_or_else(forbidden)?;
    let target = supported(&wanted, targets.iter()).ok_or_else(forbidden)?;
    let id: i64 = status["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .ok_or_else(AppError::not_found)?;
    let edited_at = status["edited_at"]
        .as_str()
        .and_then(crate::clock::parse_iso)
        .unwrap_or_default();
    let key = target.to_owned();
    let kept = app
        .read(move |c| {
            Box::pin(async move { Ok(db::translations::find(c, id, &key, edited_at).await?) })
        })
        .await?;
    if let Some(kept) = kept {
        return Ok(Json(kept));
    }
    let translation = translate(service, &status, source, target).await?;
    let payload = serde_json::to_string(&translation)?;
    let (key, kept, now) = (target.to_owned(), payload.clone(), app.clock.now_ms());
    app.write(move |tx| {
        Box::pin(async move {
            // Not for a status that went meanwhile.
            if db::statuses::by_id(tx, id).await?.is_some() {
                db::translations::put(tx, id, &key, edited_at, &kept, now).await?;
            }
            Ok(())
        })
    })
    .await?;
    Ok(Json(payload))
}

/// The reader's own language.
async fn locale(app: &App, reader: Option<i64>) -> AppResult<String> {
    let user = match reader {
        Some(id) => {
            app.read(move |c| Box::pin(async move { Ok(db::users::by_account(c, id).await?) }))
                .await?
        }
        None => None,
    };
    Ok(user
        .map(|user| user.locale)
        .filter(|locale| !locale.is_empty())
        .unwrap_or_else(|| "en".to_owned()))
}

/// Of the service's codes, the one for a language: itself, or the language without script and
/// region.
fn supported<'a>(
    wanted: &str,
    mut codes: impl Iterator<Item = &'a String> + Clone,
) -> Option<&'a str> {
    let wanted = language::normalize(wanted)?;
    let primary = wanted.split('-').next().unwrap_or_default().to_owned();
    codes
        .clone()
        .find(|code| language::normalize(code).as_deref() == Some(&wanted))
        .or_else(|| codes.clone().find(|code| **code == primary))
        .or_else(|| codes.find(|code| code.split('-').next() == Some(&primary)))
        .map(String::as_str)
}

/// Sends everything that a status says in one request, and puts the answer together.
async fn translate(
    service: &Translator,
    status: &Value,
    source: Option<&str>,
    target: &str,
) -> AppResult<Translation> {
    let emojis: Vec<String> = status["emojis"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|emoji| Some(format!(":{}:", emoji["shortcode"].as_str()?)))
        .collect();
    let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let options: Vec<String> = status["poll"]["options"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|option| text_of(&option["title"]))
        .collect();
    let media: Vec<(String, String)> = status["media_attachments"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|m| (text_of(&m["id"]), text_of(&m["description"])))
        .filter(|(_, description)| !description.is_empty())
        .collect();
    // The content is HTML; everything else is text, and goes as HTML too.
    let mut texts = vec![protect(text_of(&status["content"]), &emojis)];
    let plain = std::iter::once(text_of(&status["spoiler_text"]))
        .chain(options.iter().cloned())
        .chain(media.iter().map(|(_, description)| description.clone()));
    texts.extend(plain.map(|t| protect(text::escape(&t).replace('\n', "<br>"), &emojis)));
    let wanted: Vec<String> = texts.iter().filter(|t| !t.is_empty()).cloned().collect();
    let answer = service
        .translate(&wanted, source, target)
        .await
        .map_err(unavailable)?;
    let mut answers = answer.texts.into_iter();
    let mut next = texts.iter().map(|asked| {
        let found = if asked.is_empty() {
            None
        } else {
            answers.next()
        };
        unprotect(&found.unwrap_or_default(), &emojis)
    });
    let content = sanitize::clean_status_html(&next.next().unwrap_or_default());
    let mut plain = next.map(|html| text::to_plain(&html));
    let spoiler_text = plain.next().unwrap_or_default();
    let options: Vec<PollOption> = options
        .iter()
        .map(|_| PollOption {
            title: plain.next().unwrap_or_default(),
        })
        .collect();
    let media_attachments = media
        .into_iter()
        .map(|(id, _)| Attachment {
            id,
            description: plain.next().unwrap_or_default(),
        })
        .collect();
    Ok(Translation {
        content,
        spoiler_text,
        language: target.to_owned(),
        poll: status["poll"]["id"].as_str().map(|id| Poll {
            id: id.to_owned(),
            options,
        }),
        media_attachments,
        detected_source_language: source
            .map(str::to_owned)
            .or(answer.detected)
            .unwrap_or_else(|| "und".to_owned()),
        provider: PROVIDER,
    })
}

/// Keeps custom emoji from being translated.
fn protect(html: String, emojis: &[String]) -> String {
    emojis.iter().fold(html, |html, emoji| {
        html.replace(emoji, &format!("<span translate=\"no\">{emoji}</span>"))
    })
}

fn unprotect(html: &str, emojis: &[String]) -> String {
    emojis.iter().fold(html.to_owned(), |html, emoji| {
        html.replace(&format!("<span translate=\"no\">{emoji}</span>"), emoji)
    })
}

/// What can be translated to what; nothing where no service is configured.
pub async fn languages(State(app): State<App>) -> AppResult<Json> {
    match &app.translator {
        Some(service) => {
            let languages = service
                .languages(app.clock.now_ms())
                .await
                .map_err(unavailable)?;
            json(&*languages)
        }
        None => json(&Languages::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_found_by_their_nearest_name() {
        let codes = ["en", "pt-BR", "zh-Hans"].map(str::to_owned).to_vec();
        let find = |wanted: &str| supported(wanted, codes.iter());
        assert_eq!(find("en-GB"), Some("en"));
        assert_eq!(find("pt-BR"), Some("pt-BR"));
        assert_eq!(find("pt"), Some("pt-BR"));
        assert_eq!(find("zh_hans"), Some("zh-Hans"));
        assert_eq!(find("de"), None);
        assert_eq!(find("nonsense"), None);
    }

    #[test]
    fn emoji_come_back_as_they_were() {
        let emojis = vec![":boat:".to_owned()];
        let sent = protect("<p>a :boat:</p>".to_owned(), &emojis);
        assert_eq!(sent, "<p>a <span translate=\"no\">:boat:</span></p>");
        assert_eq!(unprotect(&sent, &emojis), "<p>a :boat:</p>");
    }
}
