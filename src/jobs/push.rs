//! Sends a notification to a push service.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use url::Url;

use super::JobError;
use crate::app::App;
use crate::clock::HOUR;
use crate::db;
use crate::db::accounts::Account;
use crate::db::notifications::Notification;
use crate::db::push::Subscription;
use crate::db::statuses::Status;
use crate::domain::notifications::Type;
use crate::error::{AppError, AppResult};
use crate::http::auth;
use crate::text;
use crate::webpush::{self, Keys, MAX_PLAINTEXT, PushError, Recipient};

/// A notification is not worth pushing after this time, in milliseconds.
const GOOD_FOR: i64 = 48 * HOUR;
/// How long a push service may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read, for the log.
const MAX_ANSWER: usize = 1 << 10;
/// Characters of a status that are shown.
const MAX_BODY: usize = 140;
/// Characters of a title.
const MAX_TITLE: usize = 200;

/// What a message is about.
struct Subject {
    subscription: Subscription,
    locale: String,
    notification: Notification,
    sender: Account,
    status: Option<Status>,
}

/// Pushes; a subscription that its service has ended is removed.
pub(super) async fn send(
    app: &App,
    subscription_id: i64,
    notification_id: i64,
) -> Result<(), JobError> {
    let now = app.clock.now_ms();
    let subject = load(app, subscription_id, notification_id, now)
        .await
        .map_err(JobError::retry)?;
    // Dismissed, revoked or too old: nobody waits for it any more.
    let Some(subject) = subject else {
        return Ok(());
    };
    let left = subject.notification.created_at + GOOD_FOR - now;
    if left <= 0 {
        return Ok(());
    }
    let subscription = &subject.subscription;
    let endpoint = Url::parse(&subscription.endpoint).map_err(JobError::fail)?;
    let payload = payload(app, &subject).map_err(JobError::fail)?;
    let recipient = Recipient::new(
        &subscription.p256dh,
        &subscription.auth,
        subscription.standard,
    )
    .map_err(JobError::fail)?;
    let vapid = app.vapid().await.map_err(JobError::retry)?;
    let contact = contact(app).await.map_err(JobError::retry)?;
    let keys = Keys::new(app.random.bytes(), app.random.bytes());
    let ttl = u32::try_from(left / 1000).unwrap_or(u32::MAX);
    let message = webpush::message(
        &vapid,
        &recipient,
        &keys,
        &endpoint,
        &contact,
        payload.as_bytes(),
        (now, ttl),
    )
    .map_err(|error| match error {
        // Other random bytes may do.
        PushError::Crypto => JobError::retry(error),
        _ => JobError::fail(error),
    })?;
    let answer = app
        .client
        .post(
            &endpoint,
            message.headers,
            Bytes::from(message.body),
            TIMEOUT,
            MAX_ANSWER,
        )
        .await
        .map_err(|error| match error {
            crate::client::FetchError::Refused(_) => JobError::fail(error),
            _ => JobError::retry(error),
        })?;
    let refused = || {
        let text = String::from_utf8_lossy(&answer.body);
        anyhow::anyhow!("the push service answered {}: {text}", answer.status)
    };
    match answer.status {
        status if status.is_success() => Ok(()),
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            let (id, endpoint) = (subscription.id, subscription.endpoint.clone());
            app.write(move |tx| {
                Box::pin(async move { Ok(db::push::end(tx, id, &endpoint).await?) })
            })
            .await
            .map_err(JobError::retry)
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(JobError::Retry(refused()))
        }
        status if status.is_client_error() => Err(JobError::Fail(refused())),
        _ => Err(JobError::Retry(refused())),
    }
}

async fn load(
    app: &App,
    subscription_id: i64,
    notification_id: i64,
    now: i64,
) -> AppResult<Option<Subject>> {
    app.read(move |c| {
        Box::pin(async move {
            let Some((subscription, locale)) = db::push::live(c, subscription_id, now).await?
            else {
                return Ok(None);
            };
            let account = subscription.account_id;
            let Some(notification) = db::notifications::by_id(c, account, notification_id).await?
            else {
                return Ok(None);
            };
            let sender = notification.from_account_id;
            let Some(sender) = db::accounts::by_id(c, sender).await? else {
                return Ok(None);
            };
            let status = match notification.status_id {
                Some(id) => db::statuses::by_id(c, id).await?,
                None => None,
            };
            Ok(Some(Subject {
                subscription,
                locale,
                notification,
                sender,
                status,
            }))
        })
    })
    .await
}

/// Whom the push service's operators can turn to.
async fn contact(app: &App) -> AppResult<String> {
    let email = app
        .read(|c| Box::pin(async move { Ok(db::policies::setting(c, "contact_email").await?) }))
        .await?;
    Ok(match email.filter(|email| !email.is_empty()) {
        Some(email) => format!("mailto:{email}"),
        None => app.config.url("/"),
    })
}

/// The message (Mastodon documentation, methods/push): JSON.
fn payload(app: &App, subject: &Subject) -> AppResult<String> {
    let Subject {
        subscription,
        locale,
        notification,
        sender,
        status,
    } = subject;
    let name = match sender.display_name.as_str() {
        "" => &sender.username,
        name => name,
    };
    let icon = match sender.avatar.as_str() {
        "" => app.config.url("/static/avatar.png"),
        url if url.starts_with("http") => url.to_owned(),
        key => app.config.media_url(key),
    };
    let title: String = title(&notification.kind, name)
        .chars()
        .take(MAX_TITLE)
        .collect();
    let body = match status {
        Some(status) if !status.spoiler_text.is_empty() => {
            text::excerpt(&text::escape(&status.spoiler_text), MAX_BODY)
        }
        Some(status) => text::excerpt(&status.content, MAX_BODY),
        None => text::excerpt(&sender.note, MAX_BODY),
    };
    let message = |body: &str| {
        json!({
            "access_token": auth::write_token(app, subscription.token_id).unwrap_or_default(),
            "preferred_locale": if locale.is_empty() { "en" } else { locale.as_str() },
            "notification_id": notification.id.to_string(),
            "notification_type": notification.kind,
            "icon": icon,
            "title": title,
            "body": body,
        })
        .to_string()
    };
    let whole = message(&body);
    if whole.len() <= MAX_PLAINTEXT {
        return Ok(whole);
    }
    let short = message("");
    if short.len() <= MAX_PLAINTEXT {
        Ok(short)
    } else {
        Err(AppError::internal(PushError::TooLong))
    }
}

fn title(kind: &str, name: &str) -> String {
    match Type::parse(kind) {
        Some(Type::Mention) => format!("{name} mentioned you"),
        Some(Type::Status) => format!("{name} just posted"),
        Some(Type::Reblog) => format!("{name} boosted your post"),
        Some(Type::Follow) => format!("{name} followed you"),
        Some(Type::FollowRequest) => format!("{name} has requested to follow you"),
        Some(Type::Favourite) => format!("{name} favorited your post"),
        Some(Type::Poll) => "A poll has ended".to_owned(),
        Some(Type::Update) => format!("{name} edited a post"),
        Some(Type::Quote) => format!("{name} quoted your post"),
        Some(Type::QuotedUpdate) => format!("{name} edited a post you have quoted"),
        Some(Type::AdminSignUp) => format!("{name} signed up"),
        Some(Type::AdminReport) => format!("{name} submitted a report"),
        Some(Type::SeveredRelationships) => "You lost connections".to_owned(),
        Some(Type::ModerationWarning) => "You have received a moderation warning".to_owned(),
        Some(Type::Dislike) => format!("{name} disliked your post"),
        Some(Type::FriendRequest) => format!("{name} wants to be your friend"),
        Some(Type::FriendAccepted) => format!("{name} is now your friend"),
        Some(Type::ChatMessage) => format!("{name} sent you a message"),
        Some(Type::Reaction) => format!("{name} reacted to what you wrote"),
        None => name.to_owned(),
    }
}
