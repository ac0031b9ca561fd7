//! `/api/v1/streaming`: what happens, as it happens, over WebSocket and server-sent events
//! (Mastodon documentation, methods/streaming).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::routing::get;
use http::StatusCode;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::request::Parts;

use crate::app::App;
use crate::caches::Session;
use crate::db;
use crate::domain::visibility::Relations;
use crate::error::{AppError, AppResult};
use crate::events::Cursor;
use crate::events::hub::{Channel, Listener, Message, Origin};
use crate::http::auth;
use crate::text::plain::normalize_tag;

use course::Course;
use resume::Reading;

pub mod chat;
mod course;
pub mod frames;
mod notices;
pub mod passing;
pub mod presence;
pub mod pump;
pub mod resume;
pub mod socketio;
mod sse;
mod websocket;

/// Where everyone may ask whether streams are served.
pub const HEALTH: &str = "/api/v1/streaming/health";
/// Seconds after which who has too many sockets may try again.
const FULL: u64 = 30;
/// Events that a listener is caught up with at a time.
const CATCH_UP: i64 = 100;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/streaming", get(websocket::open))
        .route(HEALTH, get(websocket::health))
        .route("/api/v1/streaming/{stream}", get(sse::open))
        .route("/api/v1/streaming/{stream}/{part}", get(sse::open))
        .route("/api/v1/streaming/{stream}/{part}/{rest}", get(sse::open))
}

/// Waits until every listener has said goodbye, or a time has passed.
pub async fn drained(app: &App, at_most: Duration) {
    let empty = async {
        while !app.hub.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let _ = tokio::time::timeout(at_most, empty).await;
}

/// A token, wherever a client put it.
struct Token {
    text: String,
    /// It came as the WebSocket's protocol, which is to be echoed.
    protocol: bool,
}

impl FromRequestParts<App> for Token {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> AppResult<Token> {
        if let Some(text) = auth::bearer(parts).or_else(|| query_token(parts)) {
            return Ok(Token {
                text,
                protocol: false,
            });
        }
        parts
            .headers
            .get(SEC_WEBSOCKET_PROTOCOL)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(',').next())
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| Token {
                text: text.to_owned(),
                protocol: true,
            })
            .ok_or_else(|| AppError::new(StatusCode::UNAUTHORIZED, "Missing access token"))
    }
}

fn query_token(parts: &Parts) -> Option<String> {
    form_urlencoded::parse(parts.uri.query()?.as_bytes())
        .find(|(name, _)| name == "token")
        .map(|(_, token)| token.into_owned())
}

/// What a stream is of, where that is not said by its name.
#[derive(Debug, Clone, Copy, Default)]
struct Of<'a> {
    tag: Option<&'a str>,
    list: Option<&'a str>,
}

/// Where a stream is taken up.
#[derive(Debug, Clone, Copy, Default)]
struct From<'a> {
    /// The position of the last that was heard of it.
    cursor: Option<&'a str>,
    /// Whether its frames are to carry positions.
    cursors: bool,
}

/// Someone whose token is good, listening.
struct Entered {
    session: Arc<Session>,
    account_id: i64,
    listener: Listener<Relations>,
    course: Course,
}

/// What a listener has to be told of a stream before what happens from now on.
#[derive(Debug, Clone, Copy)]
struct Behind {
    stream: &'static str,
    reading: Reading,
    after: Cursor,
}

/// Enters the hub with a token; 401 where it is no good or no user's.
async fn enter(app: &App, token: &str) -> AppResult<Entered> {
    let session = check(app, token).await?;
    let account_id = session.account_id.ok_or_else(AppError::unauthorized)?;
    let bounded = app.limits.on();
    let listener = app
        .hub
        .enter(session.token_id, account_id, bounded)
        .map_err(|_| AppError::too_many(FULL))?;
    pump::refresh_view(app, account_id).await?;
    // Once more, now that a revocation cannot be missed.
    let session = check(app, token).await?;
    Ok(Entered {
        session,
        account_id,
        listener,
        course: Course::default(),
    })
}

async fn check(app: &App, token: &str) -> AppResult<Arc<Session>> {
    let session = auth::session(app, token).await?;
    match session.admit() {
        Ok(()) => Ok(session),
        Err(error) => Err(AppError::new(StatusCode::UNAUTHORIZED, error.error)),
    }
}

impl Entered {
    /// How long the token is good; `None`: until it is revoked.
    fn lasts(&self, app: &App) -> Option<Duration> {
        let left = self.session.expires_at? - app.clock.now_ms();
        Some(Duration::from_millis(left.max(0) as u64))
    }

    /// The channels of a stream by its name, for this token's scopes.
    async fn channels(&self, app: &App, stream: &str, of: Of<'_>) -> AppResult<Vec<Channel>> {
        let statuses = self.session.allows("read:statuses");
        let notifications = self.session.allows("read:notifications");
        let allowed = match stream {
            "user:notification" | "user:notification:kith" => notifications,
            "list" => self.session.allows("read:lists"),
            _ => statuses,
        };
        if !allowed {
            return Err(AppError::new(
                StatusCode::UNAUTHORIZED,
                "Access token does not have the required scopes",
            ));
        }
        let id = self.account_id;
        let tag = || {
            let name = normalize_tag(of.tag.unwrap_or_default());
            if name.is_empty() || name.len() > 512 {
                return Err(AppError::bad_request("Missing tag name parameter"));
            }
            Ok(Arc::<str>::from(name))
        };
        Ok(match stream {
            "user" if notifications => vec![
                Channel::Home(id),
                Channel::HomeNotifications(id),
                Channel::Everyone,
            ],
            "user" => vec![Channel::Home(id), Channel::Everyone],
            "user:notification" => vec![Channel::Notifications(id)],
            "user:notification:kith" => vec![Channel::KithNotifications(id)],
            "direct" => vec![Channel::Direct(id)],
            "user:chat" => vec![Channel::Chat(id)],
            "public" => vec![Channel::Public(Origin::Anywhere)],
            "public:local" => vec![Channel::Public(Origin::Local)],
            "public:remote" => vec![Channel::Public(Origin::Remote)],
            "public:media" => vec![Channel::PublicMedia(Origin::Anywhere)],
            "public:local:media" => vec![Channel::PublicMedia(Origin::Local)],
            "public:remote:media" => vec![Channel::PublicMedia(Origin::Remote)],
            "hashtag" => vec![Channel::Hashtag(tag()?)],
            "hashtag:local" => vec![Channel::HashtagLocal(tag()?)],
            "list" => vec![pump::list_channel(self.own_list(app, of.list).await?)],
            _ => return Err(AppError::bad_request("Unknown stream type")),
        })
    }

    /// The id of a list of the listener's own.
    async fn own_list(&self, app: &App, list: Option<&str>) -> AppResult<i64> {
        let id: i64 = list
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| AppError::bad_request("Missing list name parameter"))?;
        let owner = self.account_id;
        let known = app
            .read(move |c| Box::pin(async move { Ok(db::lists::by_id(c, owner, id).await?) }))
            .await?;
        known.map(|list| list.id).ok_or_else(AppError::not_found)
    }

    /// Listens to a stream. Gives what is to be caught up with, by [`Entered::missed`].
    async fn subscribe(
        &mut self,
        app: &App,
        stream: &str,
        of: Of<'_>,
        from: From<'_>,
    ) -> AppResult<Option<Behind>> {
        let after = resume::cursor(from.cursor)?;
        let resumable = resume::stream(stream);
        if after.is_some() && resumable.is_none() {
            return Err(AppError::bad_request("This stream has no cursors"));
        }
        for channel in self.channels(app, stream, of).await? {
            self.listener
                .subscribe(channel)
                .map_err(|_| AppError::bad_request("Too many streams"))?;
        }
        let Some(stream) = resumable else {
            return Ok(None);
        };
        // Mastodon's own streams carry positions for those alone who ask for them.
        if after.is_none() && !from.cursors && stream != "user:chat" {
            return Ok(None);
        }
        // What is told from here on comes to the listener.
        self.course.begin(stream, app.hub.position());
        let reading = Reading::of(&self.session, self.account_id, &[stream]);
        Ok(after.map(|after| Behind {
            stream,
            reading,
            after,
        }))
    }

    /// The next of what is to be caught up with, and what is then left of it.
    async fn missed(
        &mut self,
        app: &App,
        behind: Behind,
    ) -> AppResult<(Vec<(Cursor, Message)>, Option<Behind>)> {
        let page = resume::read(app, behind.reading, behind.after, CATCH_UP).await;
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                // Better none of it than with a gap that nobody sees.
                self.unsubscribe(app, behind.stream, Of::default()).await?;
                return Err(error);
            }
        };
        self.course.read(behind.stream, page.reached);
        let messages = page.missed.iter();
        let messages = messages.map(|one| (one.cursor, one.message(behind.stream)));
        let left = page.more.then_some(Behind {
            after: page.reached,
            ..behind
        });
        Ok((messages.collect(), left))
    }

    /// Listens to it no more.
    async fn unsubscribe(&mut self, app: &App, stream: &str, of: Of<'_>) -> AppResult<()> {
        for channel in self.channels(app, stream, of).await? {
            self.listener.unsubscribe(&channel);
        }
        self.course.end(stream);
        Ok(())
    }
}

/// Ends when the token expires; never, for one that does not.
async fn expiry(lasts: Option<Duration>) {
    match lasts {
        Some(lasts) => tokio::time::sleep(lasts).await,
        None => std::future::pending().await,
    }
}
