//! The inbox: what other servers send is checked, made durable, and only then acknowledged.
//!
//! Nothing is done here about what an activity says: [`crate::jobs::ingest`] works on the queue.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::routing::post;
use serde_json::Value;
use tokio::sync::oneshot;

use super::fetch::{self, Error};
use super::keys::{self, KnownKey};
use super::proof;
use super::signature::{self, Candidate, Parts, SignatureError};
use super::synchronise;
use super::value::{self, first_id, id, same_origin, text, uri};
use crate::app::App;
use crate::db;
use crate::db::inbox::Received;
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::traces;

/// The largest activity, in bytes (threat S7).
const MAX_BODY: usize = 1024 * 1024;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(20);
/// Rows that share a transaction at most.
const BATCH: usize = 500;
/// Nothing has come for so long: the stream of activities is over.
const LULL: Duration = Duration::from_millis(20);
/// What begins the type of an activity that another actor than its own has signed: its object is
/// believed only as its origin serves it.
pub const FORWARDED: &str = "Forwarded ";
/// What begins the type of an activity that a relay brought, with its actor's own proof.
pub const RELAYED: &str = "Relayed ";
/// Activities that may be forwarded.
const FORWARDABLE: &[&str] = &["Create", "Update", "Delete", "Announce"];

/// The inboxes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/inbox", post(shared))
        .route("/users/{name}/inbox", post(personal))
}

async fn shared(State(app): State<App>, request: Request<Body>) -> AppResult<StatusCode> {
    receive(&app, request).await
}

async fn personal(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> AppResult<StatusCode> {
    match inbox_of(&app, &name).await? {
        Some(true) => receive(&app, request).await,
        Some(false) => Err(AppError::gone()),
        None => Err(AppError::not_found()),
    }
}

/// Whether a local actor is there (`Some(false)`: it was).
async fn inbox_of(app: &App, name: &str) -> AppResult<Option<bool>> {
    let uri = app.config.actor_uri(name);
    if let Some(known) = app.federation.inboxes.get(&uri) {
        return Ok(known);
    }
    let wanted = uri.clone();
    let state = app
        .read(move |c| Box::pin(async move { Ok(db::accounts::by_uri(c, &wanted).await?) }))
        .await?
        .map(|account| account.deleted_at.is_none());
    app.federation.inboxes.insert(uri, state);
    Ok(state)
}

fn refuse(status: StatusCode, reason: impl std::fmt::Display) -> AppError {
    let text = match status {
        StatusCode::UNAUTHORIZED => "The request is not signed as it has to be",
        StatusCode::FORBIDDEN => "This action is not allowed",
        _ => "The activity is refused",
    };
    AppError::new(status, text).describe(reason.to_string())
}

/// Takes one activity: 202 once it is durable.
async fn receive(app: &App, request: Request<Body>) -> AppResult<StatusCode> {
    let (head, body) = request.into_parts();
    if !is_json(&head.headers) {
        return Err(refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the content type has to be application/activity+json",
        ));
    }
    let body = tokio::time::timeout(BODY_TIME, to_bytes(body, MAX_BODY))
        .await
        .map_err(|_| refuse(StatusCode::REQUEST_TIMEOUT, "the body took too long"))?
        .map_err(|_| {
            refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is too large or broke off",
            )
        })?;
    let mut activity = value::parse(&body).map_err(|error| {
        refuse(
            StatusCode::BAD_REQUEST,
            format_args!("no usable JSON: {error}"),
        )
    })?;
    let authority = app.config.authority();
    let target = head.uri.path_and_query().map_or("/", |pq| pq.as_str());
    let parts = Parts {
        method: &Method::POST,
        target,
        authority: &authority,
        scheme: app.config.public_url.scheme(),
        headers: &head.headers,
        body: Some(&body),
    };
    let supplied = supply(&mut activity, &parts);
    let envelope = Envelope::read(&activity)?;
    if app.config.is_ours(envelope.actor) {
        return Err(refuse(
            StatusCode::UNAUTHORIZED,
            "our own actors do not write to us",
        ));
    }
    if fetch::is_blocked(app, envelope.actor).await? {
        return Err(refuse(StatusCode::FORBIDDEN, "the domain is blocked"));
    }
    let Some((signer, covers)) = signer(app, &envelope, &parts).await? else {
        return Ok(StatusCode::ACCEPTED);
    };
    let heeded = (covers && signer.owner == envelope.actor).then(|| envelope.actor.to_owned());
    let now = app.clock.now_ms();
    let mut row = Received {
        id: 0,
        activity_uri: envelope.id.to_owned(),
        actor_uri: envelope.actor.to_owned(),
        kind: envelope.kind.to_owned(),
        body: String::new(),
        attempts: 0,
        received_at: now,
        trace: traces::current(),
    };
    let own = signer.owner == envelope.actor;
    let relayed = app.policies().await?.is_relay(&signer.owner);
    if relayed && (!own || envelope.kind == "Announce") {
        app.federation.relays.take(&signer.owner, now)?;
    }
    if own || is_proven(app, &envelope, &activity, &signer).await? {
        if relayed && !own {
            row.kind = format!("{RELAYED}{}", envelope.kind);
        }
        row.body = match supplied {
            true => activity.to_string(),
            false => String::from_utf8(body.into())
                .map_err(|_| refuse(StatusCode::BAD_REQUEST, "the body is not UTF-8"))?,
        };
    } else {
        forwarded(app, &mut row, &envelope, &activity, &signer).await?;
    }
    app.federation.intake.put(app, row).await?;
    if let Some(actor) = heeded {
        synchronise::heed(app, &actor, &head.headers);
    }
    Ok(StatusCode::ACCEPTED)
}

/// Gives an activity what Mastodon leaves out: the id of an Add or Remove, the actor of a
/// FeatureRequest (FEP-7aa9 shows it without). Says whether there was anything to give.
///
/// The id is made of the request, so that the same request is the same activity, and one that is
/// sent anew another. The actor is whose key is said to sign, which is held against the key.
fn supply(activity: &mut Value, parts: &Parts<'_>) -> bool {
    let Some(kind) = value::kind_of(activity, &["Add", "Remove", "FeatureRequest"]) else {
        return false;
    };
    if kind == "FeatureRequest" && activity.get("actor").is_none() {
        let candidates = signature::parse_all(parts).unwrap_or_default();
        let Some(key) = candidates.first().map(Candidate::key_id) else {
            return false;
        };
        activity["actor"] = value::without_fragment(key).into();
        return true;
    }
    if kind != "FeatureRequest" && activity.get("id").is_none() {
        let Some(actor) = activity.get("actor").and_then(id) else {
            return false;
        };
        let mut hash = Context::new(&SHA256);
        for value in parts.headers.get_all("signature") {
            hash.update(value.as_bytes());
        }
        hash.update(parts.body.unwrap_or_default());
        let hash = hash.finish();
        let hex: String = hash.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        activity["id"] = format!("{actor}#unnamed/{hex}").into();
        return true;
    }
    false
}

/// Whether the body says it is JSON; parameters do not matter.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    [
        "application/activity+json",
        "application/ld+json",
        "application/json",
    ]
    .iter()
    .any(|known| essence.eq_ignore_ascii_case(known))
}

/// What every activity has to say of itself.
pub struct Envelope<'a> {
    pub id: &'a str,
    /// The first of its types.
    pub kind: &'a str,
    pub actor: &'a str,
    /// Whether it says that it is about a group's affairs.
    pub in_group: bool,
}

impl<'a> Envelope<'a> {
    /// Reads it, and refuses ids of different origins (threat S3).
    pub fn read(activity: &'a Value) -> AppResult<Envelope<'a>> {
        let bad = |reason: &'static str| refuse(StatusCode::BAD_REQUEST, reason);
        let id = text(activity, "id").ok_or_else(|| bad("the activity has no id"))?;
        let kind = value::many(activity, "type")
            .first()
            .and_then(Value::as_str)
            .filter(|kind| kind.len() <= 100)
            .ok_or_else(|| bad("the activity has no type"))?;
        let actor = activity
            .get("actor")
            .and_then(value::id)
            .ok_or_else(|| bad("the activity has no actor"))?;
        if uri(actor).is_none() || uri(id).is_none() {
            return Err(bad("an id is no URL in its normal form"));
        }
        if !same_origin(id, actor) {
            return Err(refuse(
                StatusCode::UNAUTHORIZED,
                "the activity's id is not on its actor's host",
            ));
        }
        Ok(Envelope {
            id,
            kind,
            actor,
            in_group: activity.get("audience").is_some(),
        })
    }
}

/// The owner of the key that signed the request, and whether it signed what the request says of
/// its followers; `None` for what is of no interest.
async fn signer(
    app: &App,
    envelope: &Envelope<'_>,
    parts: &Parts<'_>,
) -> AppResult<Option<(std::sync::Arc<KnownKey>, bool)>> {
    let unauthorized = |reason: &dyn std::fmt::Display| refuse(StatusCode::UNAUTHORIZED, reason);
    let now = app.clock.now_ms();
    let candidates = signature::parse_all(parts).map_err(|e| unauthorized(&e))?;
    let mut failure = None;
    for candidate in candidates {
        if let Err(error) = candidate.check(parts, now) {
            failure.get_or_insert(unauthorized(&error));
            continue;
        }
        match verified(app, envelope, parts, &candidate, now).await {
            Ok(Some(key)) if same_origin(candidate.key_id(), &key.owner) => {
                return Ok(Some((key, candidate.covers(&synchronise::HEADER))));
            }
            Ok(Some(_)) => {
                failure.get_or_insert(unauthorized(&"the key is not on its owner's host"));
            }
            Ok(None) => return Ok(None),
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    Err(failure.unwrap_or_else(|| unauthorized(&SignatureError::Missing)))
}

async fn verified(
    app: &App,
    envelope: &Envelope<'_>,
    parts: &Parts<'_>,
    candidate: &Candidate,
    now: i64,
) -> AppResult<Option<std::sync::Arc<KnownKey>>> {
    let key_id = candidate.key_id();
    if !app.federation.keys.contains(key_id) {
        if fetch::is_blocked(app, key_id).await? {
            return Err(refuse(StatusCode::FORBIDDEN, "the domain is blocked"));
        }
        // Servers tell everyone about accounts that go: those we never heard of have no key
        // any more, and nothing here; but for moderators, who delete what others wrote.
        let theirs = envelope.kind == "Delete" && !envelope.in_group;
        if theirs && !is_known(app, envelope.actor).await? {
            return Ok(None);
        }
    }
    let known = keys::public_key(app, key_id, envelope.actor)
        .await
        .map_err(|error| {
            let status = match error {
                Error::Later(_) | Error::Gone(_) | Error::Hopeless(_) => StatusCode::UNAUTHORIZED,
            };
            refuse(status, format_args!("the key cannot be had: {error}"))
        })?;
    let failed = match candidate.verify(&known.key, parts, now) {
        Ok(()) => return Ok(Some(known)),
        Err(error) => refuse(StatusCode::UNAUTHORIZED, error),
    };
    // The actor may have a new key under the old id.
    let Ok(Some(changed)) = keys::changed_key(app, key_id, &known).await else {
        return Err(failed);
    };
    match candidate.verify(&changed.key, parts, now) {
        Ok(()) => Ok(Some(changed)),
        Err(_) => Err(failed),
    }
}

async fn is_known(app: &App, actor: &str) -> AppResult<bool> {
    let actor = actor.to_owned();
    let known = app
        .read(move |c| Box::pin(async move { Ok(db::accounts::by_uri(c, &actor).await?) }))
        .await?;
    Ok(known.is_some())
}

/// Whether an activity that somebody else sent carries a proof that it is its actor's.
async fn is_proven(
    app: &App,
    envelope: &Envelope<'_>,
    activity: &Value,
    signer: &KnownKey,
) -> AppResult<bool> {
    if fetch::is_blocked(app, &signer.owner).await? {
        return Ok(false);
    }
    holds_proof(app, envelope.actor, activity).await
}

/// Whether an activity carries a proof that it is an actor's.
pub(super) async fn holds_proof(app: &App, actor: &str, activity: &Value) -> AppResult<bool> {
    let now = app.clock.now_ms();
    let is_own = |key_id: &str| same_origin(key_id, actor);
    let Some(proof) =
        proof::proofs(activity).find(|proof| proof.is_fresh(now) && is_own(proof.key_id))
    else {
        return Ok(false);
    };
    let Ok(known) = keys::public_key(app, proof.key_id, actor).await else {
        return Ok(false);
    };
    if known.owner != actor {
        return Ok(false);
    }
    if proof.holds(activity, &known.key) {
        return Ok(true);
    }
    // The actor may have a new key under the old id.
    let changed = keys::changed_key(app, proof.key_id, &known).await;
    Ok(changed.is_ok_and(|key| key.is_some_and(|key| proof.holds(activity, &key.key))))
}

/// Turns an activity that somebody else than its actor sent into one that says nothing but what
/// its object's origin will be asked for.
async fn forwarded(
    app: &App,
    row: &mut Received,
    envelope: &Envelope<'_>,
    activity: &Value,
    signer: &KnownKey,
) -> AppResult<()> {
    let mismatch = || {
        refuse(
            StatusCode::UNAUTHORIZED,
            format_args!(
                "the key belongs to {}, not to the activity's actor",
                signer.owner
            ),
        )
    };
    if fetch::is_blocked(app, &signer.owner).await? {
        return Err(refuse(StatusCode::FORBIDDEN, "the domain is blocked"));
    }
    if !FORWARDABLE.contains(&envelope.kind) {
        return Err(mismatch());
    }
    let object = first_id(activity, "object")
        .filter(|object| uri(object).is_some())
        .ok_or_else(mismatch)?;
    // Nobody speaks for what is on another host than its own: that would only have us ask there.
    if envelope.kind != "Announce" && !same_origin(object, envelope.actor) {
        return Err(mismatch());
    }
    // It costs the time of who sent it, not of whom it is said to be by.
    row.actor_uri.clone_from(&signer.owner);
    // What claims to be another's must not take the place of what that other will send.
    let host = uri(&signer.owner)
        .map(|u| value::host(&u))
        .unwrap_or_default();
    row.activity_uri = format!("{host} {}", envelope.id);
    row.kind = format!("{FORWARDED}{}", envelope.kind);
    row.body = serde_json::json!({
        "id": envelope.id,
        "type": envelope.kind,
        "actor": envelope.actor,
        "object": object,
    })
    .to_string();
    Ok(())
}

/// Gathers what arrives at the same time into one transaction.
#[derive(Default)]
pub struct Intake {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    rows: Vec<Received>,
    answers: Vec<oneshot::Sender<bool>>,
    /// A task is writing, and will look again.
    busy: bool,
    /// When the last one came.
    arrived: Option<Instant>,
}

impl Intake {
    /// Writes a row; returns after its commit. The row gets its id here, in the order of
    /// arrival.
    pub async fn put(&self, app: &App, mut row: Received) -> AppResult<()> {
        let (answer, answered) = oneshot::channel();
        let lead = {
            let mut waiting = self.lock();
            row.id = app.ctx.ids.next();
            waiting.arrived = Some(Instant::now());
            waiting.rows.push(row);
            waiting.answers.push(answer);
            !std::mem::replace(&mut waiting.busy, true)
        };
        if lead {
            let app = app.clone();
            // A task of its own: a sender that hangs up takes nobody's activity with it.
            tokio::spawn(async move { app.federation.intake.drain(&app).await });
        }
        match answered.await {
            Ok(true) => Ok(()),
            _ => Err(AppError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The activity could not be stored",
            )),
        }
    }

    /// Whether activities arrive one after the other just now.
    pub fn is_busy(&self) -> bool {
        let arrived = self.lock().arrived;
        arrived.is_some_and(|at| at.elapsed() < LULL)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn drain(&self, app: &App) {
        loop {
            let (rows, answers) = {
                let mut waiting = self.lock();
                if waiting.rows.is_empty() {
                    waiting.busy = false;
                    return;
                }
                let number = waiting.rows.len().min(BATCH);
                let rows: Vec<Received> = waiting.rows.drain(..number).collect();
                let answers: Vec<_> = waiting.answers.drain(..number).collect();
                (rows, answers)
            };
            let written = app
                .write(move |tx| {
                    Box::pin(async move {
                        if db::inbox::insert(tx, &rows).await? > 0 {
                            tx.emit(Event::of(Kind::InboxWaiting, 0));
                        }
                        Ok(())
                    })
                })
                .await;
            if let Err(error) = &written {
                tracing::error!(%error, "received activities could not be stored");
            }
            for answer in answers {
                let _ = answer.send(written.is_ok());
            }
        }
    }
}

/// The object of an activity: its id, and itself where it is embedded.
pub fn object(activity: &Value) -> Option<(&str, &Value)> {
    let object = value::many(activity, "object").first()?;
    Some((id(object)?, object))
}
