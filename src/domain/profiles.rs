//! Changing one's profile and defaults.

use serde::{Deserialize, Serialize};

use super::accounts::change_profile;
use super::jobs::{self, Job};
use super::settings::{Settings, SourceField};
use super::usernames;
use super::visibility::Visibility;
use super::{Ctx, digests};
use crate::clock::iso;
use crate::db::accounts::Account;
use crate::db::profiles::Profile;
use crate::db::users::ChatSettings;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::media::intake::still_of;
use crate::text::names::normalize_domain;
use crate::text::{emoji, language, plain, sanitize};

/// Limits of a profile, in characters; announced in the instance entity.
pub const MAX_DISPLAY_NAME: usize = 30;
pub const MAX_NOTE: usize = 500;
pub const MAX_FIELDS: usize = 4;
pub const MAX_FIELD: usize = 255;
pub const MAX_PICTURE_DESCRIPTION: usize = 150;
pub const MAX_LOCATION: usize = 100;
pub const MAX_STATUS: usize = 100;
/// Domains that may name an account as author.
const MAX_ATTRIBUTION_DOMAINS: usize = 10;

/// What to change; `None` leaves what is.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub display_name: Option<String>,
    /// Plain text.
    pub note: Option<String>,
    /// Storage key of a picture, or `''` to remove the one there is.
    pub avatar: Option<String>,
    pub avatar_description: Option<String>,
    /// The same.
    pub header: Option<String>,
    pub header_description: Option<String>,
    pub locked: Option<bool>,
    pub bot: Option<bool>,
    pub discoverable: Option<bool>,
    pub indexable: Option<bool>,
    pub hide_collections: Option<bool>,
    pub show_media: Option<bool>,
    pub show_media_replies: Option<bool>,
    pub show_featured: Option<bool>,
    pub attribution_domains: Option<Vec<String>>,
    /// Names and values, plain text.
    pub fields: Option<Vec<(String, String)>>,
    pub privacy: Option<String>,
    pub sensitive: Option<bool>,
    /// Empty: none in particular.
    pub language: Option<String>,
    pub quote_policy: Option<String>,
    /// Empty: none.
    pub location: Option<String>,
    /// Empty: none.
    pub status: Option<StatusLine>,
    pub username: Option<String>,
    /// `mutuals`, `followers` or `anyone`.
    pub chat_policy: Option<String>,
    pub message_requests: Option<bool>,
    pub read_receipts: Option<bool>,
    pub presence: Option<bool>,
    pub notify_dislikes: Option<bool>,
    /// `never`, `daily` or `weekly`.
    pub email_digest: Option<String>,
}

/// What someone says they do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusLine {
    pub text: String,
    /// An emoji, a `:shortcode:` or nothing.
    pub emoji: String,
    pub expires_at: Option<i64>,
}

/// A profile field as `accounts.fields` keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ShownField {
    name: String,
    /// Clean HTML.
    value: String,
    verified_at: Option<String>,
}

fn too_long(what: &str, max: usize) -> AppError {
    AppError::invalid(format!(
        "Validation failed: {what} is too long (maximum is {max} characters)"
    ))
}

fn unknown(what: &str) -> AppError {
    AppError::invalid(format!(
        "Validation failed: {what} is not included in the list"
    ))
}

/// Refuses what is wrong whatever the account: to be asked before pictures are worked on.
pub fn check(changes: &Changes) -> AppResult<()> {
    let longer = |text: &Option<String>, max: usize| {
        text.as_ref().is_some_and(|text| text.chars().count() > max)
    };
    let texts = [
        ("Display name", &changes.display_name, MAX_DISPLAY_NAME),
        ("Location", &changes.location, MAX_LOCATION),
        (
            "Avatar description",
            &changes.avatar_description,
            MAX_PICTURE_DESCRIPTION,
        ),
        (
            "Header description",
            &changes.header_description,
            MAX_PICTURE_DESCRIPTION,
        ),
    ];
    for (what, text, max) in texts {
        if longer(text, max) {
            return Err(too_long(what, max));
        }
    }
    if changes
        .note
        .as_deref()
        .is_some_and(|note| plain::char_count(note) > MAX_NOTE)
    {
        return Err(AppError::invalid(format!(
            "Validation failed: Note character limit of {MAX_NOTE} exceeded"
        )));
    }
    let fields = changes.fields.as_deref().unwrap_or_default();
    if fields.len() > MAX_FIELDS {
        return Err(AppError::invalid(format!(
            "Validation failed: Fields cannot be more than {MAX_FIELDS}"
        )));
    }
    for (name, value) in fields {
        if name.chars().count() > MAX_FIELD || value.chars().count() > MAX_FIELD {
            return Err(AppError::invalid(format!(
                "Validation failed: Fields character limit of {MAX_FIELD} exceeded"
            )));
        }
        if name.trim().is_empty() && !value.trim().is_empty() {
            return Err(AppError::invalid(
                "Validation failed: Fields must have a label",
            ));
        }
    }
    let privacies = ["public", "unlisted", "private", "direct", "mutuals"];
    if let Some(privacy) = &changes.privacy
        && !privacies.contains(&privacy.as_str())
    {
        return Err(unknown("Privacy"));
    }
    let policies = ["public", "followers", "nobody"];
    if let Some(policy) = &changes.quote_policy
        && !policies.contains(&policy.as_str())
    {
        return Err(unknown("Quote policy"));
    }
    let chat_policies = ["mutuals", "followers", "anyone"];
    if let Some(policy) = &changes.chat_policy
        && !chat_policies.contains(&policy.as_str())
    {
        return Err(unknown("Chat policy"));
    }
    if let Some(status) = &changes.status {
        if status.text.chars().count() > MAX_STATUS {
            return Err(too_long("Status", MAX_STATUS));
        }
        let custom = status
            .emoji
            .strip_prefix(':')
            .and_then(|rest| rest.strip_suffix(':'))
            .is_some_and(emoji::is_shortcode);
        if !(status.emoji.is_empty() || custom || emoji::is_emoji(&status.emoji)) {
            return Err(AppError::invalid(
                "Validation failed: Status emoji is not an emoji",
            ));
        }
    }
    if let Some(code) = changes.language.as_deref().filter(|code| !code.is_empty())
        && language::normalize(code).is_none()
    {
        return Err(AppError::invalid(
            "Validation failed: Language is not valid",
        ));
    }
    if let Some(domains) = &changes.attribution_domains {
        if domains.len() > MAX_ATTRIBUTION_DOMAINS {
            return Err(AppError::invalid(format!(
                "Validation failed: Attribution domains cannot be more than \
                 {MAX_ATTRIBUTION_DOMAINS}"
            )));
        }
        if domains.iter().any(|domain| attribution(domain).is_none()) {
            return Err(AppError::invalid(
                "Validation failed: Attribution domains is not a valid domain name",
            ));
        }
    }
    Ok(())
}

/// A domain, of a website perhaps given by its address.
fn attribution(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .unwrap_or(text);
    normalize_domain(text.strip_suffix('/').unwrap_or(text)).filter(|domain| domain.contains('.'))
}

/// Changes a user's profile and defaults, and tells the followers' servers; links in new fields
/// are looked at soon after.
pub async fn change(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    changes: Changes,
) -> AppResult<Account> {
    check(&changes)?;
    // The whole row is written below: what moderators or its owner decide at this moment is to be in it.
    db::relations::lock_pair(tx, account_id, account_id).await?;
    let before = db::accounts::by_id(tx, account_id)
        .await?
        .filter(|account| account.deleted_at.is_none())
        .ok_or_else(AppError::not_found)?;
    let user = db::users::by_account(tx, account_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    let mut account = before.clone();
    let mut settings = Settings::of(&user);
    let shown_before = profile_of(tx, account_id).await?;
    let mut profile = shown_before.clone();
    if let Some(status) = &changes.status
        && status.expires_at.is_some_and(|at| at <= ctx.now())
    {
        return Err(AppError::invalid(
            "Validation failed: Status expires at must be in the future",
        ));
    }
    if let Some(name) = &changes.username {
        usernames::change(tx, ctx, &mut account, name).await?;
    }
    change_chat_settings(tx, account_id, &changes).await?;
    if let Some(digest) = &changes.email_digest {
        digests::choose(tx, ctx, account_id, &mut settings, digest).await?;
    }
    pictures(tx, ctx, &mut account, &changes).await?;
    apply(&mut account, &mut settings, &mut profile, changes)?;
    if profile != shown_before {
        db::profiles::set(tx, &profile).await?;
        remind(tx, ctx, &profile).await?;
    }
    let kept = settings.to_db()?;
    if kept != user.settings {
        db::users::set_settings(tx, account_id, &kept).await?;
    }
    // Defaults concern nobody else.
    if account != before || profile != shown_before {
        change_profile(tx, ctx, &account).await?;
    }
    if account.fields != before.fields && to_verify(&settings).next().is_some() {
        let job = Job::VerifyLinks { account_id };
        jobs::enqueue(tx, ctx, &job).await?;
    }
    Ok(account)
}

/// How chats reach them concerns nobody until one begins.
async fn change_chat_settings(tx: &mut Conn, account_id: i64, changes: &Changes) -> AppResult<()> {
    let Some(before) = db::users::chat_settings(tx, &[account_id]).await?.pop() else {
        return Ok(());
    };
    let after = ChatSettings {
        account_id,
        chat_policy: changes
            .chat_policy
            .clone()
            .unwrap_or_else(|| before.chat_policy.clone()),
        message_requests: changes.message_requests.unwrap_or(before.message_requests),
        read_receipts: changes.read_receipts.unwrap_or(before.read_receipts),
        presence: changes.presence.unwrap_or(before.presence),
        notify_dislikes: changes.notify_dislikes.unwrap_or(before.notify_dislikes),
    };
    if after != before {
        db::users::set_chat_settings(tx, &after).await?;
    }
    Ok(())
}

/// Has the status line taken away when its time has come.
pub(super) async fn remind(tx: &mut Conn, ctx: &Ctx, profile: &Profile) -> AppResult<()> {
    let job = Job::StatusLine {
        account_id: profile.account_id,
    };
    jobs::cancel(tx, &job).await?;
    match profile.status_expires_at {
        Some(at) => jobs::enqueue_at(tx, ctx, &job, at).await,
        None => Ok(()),
    }
}

/// Takes away a status line whose time has come.
pub async fn expire_status(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<()> {
    db::relations::lock_pair(tx, account_id, account_id).await?;
    let account = db::accounts::by_id(tx, account_id).await?;
    let Some(account) = account.filter(|account| account.deleted_at.is_none()) else {
        return Ok(());
    };
    let mut profile = profile_of(tx, account_id).await?;
    if profile.status_expires_at.is_none_or(|at| at > ctx.now()) {
        return Ok(());
    }
    set_status(&mut profile, StatusLine::default());
    db::profiles::set(tx, &profile).await?;
    if account.is_local() {
        return change_profile(tx, ctx, &account).await;
    }
    tx.emit(Event::of(Kind::AccountChanged, account_id));
    Ok(())
}

/// Writes a status line into the row; one that says nothing takes it away.
pub(super) fn set_status(profile: &mut Profile, status: StatusLine) {
    profile.status_text = sanitize::clean_inline(&status.text, MAX_STATUS);
    profile.status_emoji = status.emoji;
    let says = !(profile.status_text.is_empty() && profile.status_emoji.is_empty());
    profile.status_expires_at = status.expires_at.filter(|_| says);
}

async fn profile_of(conn: &mut Conn, account_id: i64) -> AppResult<Profile> {
    let row = db::profiles::of(conn, &[account_id]).await?.pop();
    Ok(row.unwrap_or_else(|| Profile::usual(account_id)))
}

/// The files of a picture by the key an account keeps: itself and, of an animation, its still.
pub fn picture_files(key: &str) -> Vec<String> {
    if key.is_empty() {
        return Vec::new();
    }
    std::iter::once(key.to_owned())
        .chain(still_of(key))
        .collect()
}

/// Puts new pictures in the place of the old, whose files are given up.
async fn pictures(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &mut Account,
    changes: &Changes,
) -> AppResult<()> {
    let slots = [
        (
            &changes.avatar,
            &mut account.avatar,
            &mut account.avatar_description,
        ),
        (
            &changes.header,
            &mut account.header,
            &mut account.header_description,
        ),
    ];
    for (new, slot, description) in slots {
        let Some(new) = new.clone().filter(|new| new != slot) else {
            continue;
        };
        // A description is of the picture that went.
        description.clear();
        let old = std::mem::replace(slot, new);
        db::profiles::retire_files(tx, &picture_files(&old), ctx.now()).await?;
        db::profiles::unretire_files(tx, &picture_files(slot)).await?;
    }
    Ok(())
}

/// Writes what is to change into the rows.
fn apply(
    account: &mut Account,
    settings: &mut Settings,
    profile: &mut Profile,
    changes: Changes,
) -> AppResult<()> {
    if let Some(name) = changes.display_name {
        account.display_name = sanitize::clean_inline(&name, MAX_DISPLAY_NAME);
    }
    if let Some(note) = changes.note {
        account.note = render(&note);
        settings.note = note;
    }
    if let Some(bot) = changes.bot {
        account.kind = if bot { "Service" } else { "Person" }.to_owned();
    }
    if let Some(fields) = changes.fields {
        set_fields(account, settings, fields)?;
    }
    if let Some(domains) = changes.attribution_domains {
        let domains: Vec<String> = domains.iter().filter_map(|d| attribution(d)).collect();
        profile.attribution_domains = serde_json::to_string(&domains)?;
    }
    if let Some(location) = changes.location {
        profile.location = sanitize::clean_inline(&location, MAX_LOCATION);
    }
    if let Some(status) = changes.status {
        set_status(profile, status);
    }
    macro_rules! set {
        ($($from:ident => $to:expr;)*) => {$(
            if let Some(value) = changes.$from {
                $to = value;
            }
        )*};
    }
    set! {
        avatar_description => account.avatar_description;
        header_description => account.header_description;
        locked => account.locked;
        discoverable => account.discoverable;
        indexable => account.indexable;
        hide_collections => account.hide_collections;
        show_media => profile.show_media;
        show_media_replies => profile.show_media_replies;
        show_featured => profile.show_featured;
    }
    if let Some(privacy) = changes.privacy {
        settings.privacy = Some(privacy);
    }
    if let Some(sensitive) = changes.sensitive {
        settings.sensitive = Some(sensitive);
    }
    if let Some(policy) = changes.quote_policy {
        settings.quote_policy = Some(policy);
    }
    if let Some(code) = changes.language {
        settings.language = language::normalize(&code);
    }
    Ok(())
}

/// Profile fields as typed and as shown. What was found to link back stays so while it is the
/// same.
fn set_fields(
    account: &mut Account,
    settings: &mut Settings,
    fields: Vec<(String, String)>,
) -> AppResult<()> {
    let mut source = Vec::with_capacity(fields.len());
    let mut shown = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let name = sanitize::clean_inline(&name, MAX_FIELD);
        if name.is_empty() && value.is_empty() {
            continue;
        }
        let verified_at = settings
            .fields
            .iter()
            .find(|field| field.value == value)
            .and_then(|field| field.verified_at.clone());
        shown.push(ShownField {
            name: name.clone(),
            value: render_field(&value),
            verified_at: verified_at.clone(),
        });
        source.push(SourceField {
            name,
            value,
            verified_at,
        });
    }
    account.fields = serde_json::to_string(&shown)?;
    settings.fields = source;
    Ok(())
}

/// Plain text to HTML with its links; mentions and tags stay text.
fn render(text: &str) -> String {
    plain::compose(text, &plain::scan(text), &|_| None)
}

/// The same for a profile field: one line, and its links say that they lead to the same person.
fn render_field(text: &str) -> String {
    let html = render(text);
    html.strip_prefix("<p>")
        .and_then(|html| html.strip_suffix("</p>"))
        .unwrap_or(&html)
        .replace(
            " rel=\"nofollow noopener\"",
            " rel=\"me nofollow noopener\"",
        )
}

/// Addresses in fields that nobody has found to link back yet: a field is one when it is nothing
/// but an address.
pub fn to_verify(settings: &Settings) -> impl Iterator<Item = url::Url> {
    settings
        .fields
        .iter()
        .filter(|field| field.verified_at.is_none())
        .filter_map(|field| {
            let text = field.value.trim();
            let web = text.starts_with("https://") || text.starts_with("http://");
            let url = url::Url::parse(text).ok().filter(|_| web)?;
            let plain = url.username().is_empty() && url.password().is_none();
            (plain && !text.contains(char::is_whitespace)).then_some(url)
        })
}

/// Notes that the page of a field links back, unless the field was changed meanwhile.
pub async fn verified(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    links: &[url::Url],
) -> AppResult<()> {
    db::relations::lock_pair(tx, account_id, account_id).await?;
    let account = db::accounts::by_id(tx, account_id).await?;
    let Some(mut account) = account.filter(|account| account.deleted_at.is_none()) else {
        return Ok(());
    };
    let Some(user) = db::users::by_account(tx, account_id).await? else {
        return Ok(());
    };
    let now = iso(ctx.now());
    let mut settings = Settings::of(&user);
    let mut shown: Vec<ShownField> = serde_json::from_str(&account.fields)?;
    for (source, shown) in settings.fields.iter_mut().zip(&mut shown) {
        let found = url::Url::parse(source.value.trim()).is_ok_and(|url| links.contains(&url));
        if found && source.verified_at.is_none() {
            source.verified_at = Some(now.clone());
            shown.verified_at = Some(now.clone());
        }
    }
    account.fields = serde_json::to_string(&shown)?;
    db::users::set_settings(tx, account_id, &settings.to_db()?).await?;
    db::accounts::update(tx, &account).await?;
    tx.emit(Event::of(Kind::AccountChanged, account_id));
    Ok(())
}

/// What clients are told the default visibility is: Mastodon knows no `mutuals`.
pub fn shown_privacy(settings: &Settings) -> &'static str {
    Visibility::as_api(settings.visibility())
}
