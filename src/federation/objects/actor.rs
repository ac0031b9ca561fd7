//! Actors of other servers.

use serde_json::{Value, json};
use url::Url;

use super::media::unescaped;
use super::wording::bio;
use crate::db::accounts::Account;
use crate::domain::accounts::RemoteActor;
use crate::domain::profiles::{MAX_LOCATION, MAX_STATUS, StatusLine};
use crate::federation::objects::quote::{People, approval};
use crate::federation::signature::PublicKey;
use crate::federation::value::{
    emojis, first_id, flag, host, id, ids, is_a, kind_of, link, many, same_origin, text, time, uri,
    url,
};
use crate::text::emoji;
use crate::text::names::{normalize_domain, parse_handle};
use crate::text::sanitize::{clean_account_html, clean_inline};

/// Types of actors.
pub const KINDS: &[&str] = &["Person", "Service", "Group", "Application", "Organization"];

/// Profile fields kept.
const MAX_FIELDS: usize = 16;
/// Characters of a display name kept.
const MAX_NAME: usize = 200;
/// Characters of a field's name, and bytes of its value, kept.
const MAX_FIELD_NAME: usize = 255;
const MAX_FIELD_VALUE: usize = 2048;
/// Bytes of a bio kept, before it is cleaned.
const MAX_NOTE: usize = 20_000;
/// Characters of an alt text kept.
const MAX_DESCRIPTION: usize = 1500;
/// Keys of one actor.
const MAX_KEYS: usize = 10;

/// A public key that an actor lists as its own.
#[derive(Debug, Clone)]
pub struct ListedKey {
    pub id: String,
    /// As published: PEM or multikey.
    pub text: String,
    pub key: PublicKey,
}

/// Whether a document is an actor.
pub fn is_actor(document: &Value) -> bool {
    kind_of(document, KINDS).is_some()
}

/// Reads an actor that was fetched from its own id. Its domain is the id's host until
/// webfinger tells another.
pub fn read(document: &Value, now: i64) -> Result<RemoteActor, &'static str> {
    let kind = kind_of(document, KINDS).ok_or("not an actor")?;
    let actor_id = text(document, "id").ok_or("an actor without an id")?;
    let parsed = uri(actor_id).ok_or("the actor's id is no URL in its normal form")?;
    let username = text(document, "preferredUsername").ok_or("an actor without a username")?;
    let handle = parse_handle(username)
        .filter(|handle| handle.domain.is_none() && handle.username == username)
        .ok_or("the actor's username has forbidden letters")?;
    let domain = normalize_domain(&host(&parsed)).ok_or("the actor's host is no domain")?;
    // What the actor's server is told to do for it stays on that server.
    let own = |text: Option<&str>| {
        text.filter(|other| same_origin(actor_id, other))
            .unwrap_or_default()
            .to_owned()
    };
    let inbox = own(first_id(document, "inbox"));
    if inbox.is_empty() {
        return Err("the actor has no inbox on its own host");
    }
    let shared = document
        .get("endpoints")
        .map(|endpoints| own(first_id(endpoints, "sharedInbox")))
        .unwrap_or_default();
    let delivery = if shared.is_empty() { &inbox } else { &shared };
    let delivery_host = uri(delivery).map(|u| host(&u)).unwrap_or_default();
    let (avatar, avatar_description) = picture(document, "icon");
    let (header, header_description) = picture(document, "image");
    let also_known_as: Vec<&str> = ids(document, "alsoKnownAs")
        .filter(|alias| uri(alias).is_some())
        .take(32)
        .collect();
    let (followers, following) = (
        own(first_id(document, "followers")),
        own(first_id(document, "following")),
    );
    let people = People {
        actor: actor_id,
        followers: &followers,
        following: &following,
        mentioned: &[],
    };
    let account = Account {
        id: 0,
        username_lower: handle.username.to_lowercase(),
        username: handle.username,
        domain,
        uri: actor_id.to_owned(),
        url: page(document, &parsed).unwrap_or(actor_id).to_owned(),
        kind: kind.to_owned(),
        display_name: clean_inline(text(document, "name").unwrap_or_default(), MAX_NAME),
        note: bio(text(document, "summary").unwrap_or_default(), MAX_NOTE),
        fields: fields(document),
        emojis: emojis(document),
        avatar,
        avatar_description,
        header,
        header_description,
        delivery_url: delivery.clone(),
        delivery_host,
        inbox_url: inbox,
        followers_url: followers.clone(),
        endpoints: json!({
            "outbox": own(first_id(document, "outbox")),
            "following": following,
            "featured": own(first_id(document, "featured")),
            "featuredCollections": own(first_id(document, "featuredCollections")),
            "canFeature": approval(document, "canFeature", people),
            // Of groups (FEP-1b12): the collection of moderators.
            "moderators": own(first_id(document, "attributedTo")),
            "acceptsChatMessages": document
                .get("capabilities")
                .and_then(|capabilities| flag(capabilities, "acceptsChatMessages"))
                .unwrap_or(false),
        })
        .to_string(),
        locked: flag(document, "manuallyApprovesFollowers").unwrap_or(false),
        discoverable: flag(document, "discoverable").unwrap_or(false),
        indexable: flag(document, "indexable").unwrap_or(false),
        hide_collections: false,
        also_known_as: json!(also_known_as).to_string(),
        moved_to: first_id(document, "movedTo")
            .filter(|target| uri(target).is_some())
            .unwrap_or_default()
            .to_owned(),
        created_at: time(document, "published").unwrap_or(now),
        fetched_at: now,
        suspended_at: None,
        silenced_at: None,
        deleted_at: None,
        sensitized_at: None,
    };
    let keys = keys(document)
        .into_iter()
        .map(|key| (key.id, key.text))
        .collect();
    Ok(RemoteActor {
        account,
        keys,
        location: clean_inline(&location(document), MAX_LOCATION),
        suspended: flag(document, "suspended").unwrap_or(false),
        status: document
            .get("statusLine")
            .map(status_line)
            .unwrap_or_default(),
    })
}

/// Where an actor says it is: a text (Misskey, Kith), parts of an address (Friendica), or a place
/// with a name (Mobilizon).
fn location(document: &Value) -> String {
    if let Some(written) = text(document, "vcard:Address") {
        return written.to_owned();
    }
    if let Some(name) = document.pointer("/location/name").and_then(Value::as_str) {
        return name.to_owned();
    }
    let address = document.get("vcard:hasAddress");
    let parts = ["vcard:locality", "vcard:region", "vcard:country-name"];
    let named = parts.iter().filter_map(|part| text(address?, part));
    named
        .filter(|part| !part.trim().is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

/// What someone says they do now, as Kith writes it.
fn status_line(line: &Value) -> StatusLine {
    let emoji = text(line, "emoji").filter(|text| emoji::is_emoji(text));
    StatusLine {
        text: clean_inline(text(line, "name").unwrap_or_default(), MAX_STATUS),
        emoji: emoji.unwrap_or_default().to_owned(),
        expires_at: time(line, "endTime"),
    }
}

/// The keys an actor lists as its own: `publicKey` and (FEP-521a) `assertionMethod`. A key that
/// names another owner, lives on another host, or cannot be read is left out (threat S1).
pub fn keys(document: &Value) -> Vec<ListedKey> {
    let Some(actor) = text(document, "id") else {
        return Vec::new();
    };
    let listed = many(document, "publicKey")
        .iter()
        .chain(many(document, "assertionMethod"))
        .take(MAX_KEYS);
    let mut keys: Vec<ListedKey> = Vec::new();
    for entry in listed {
        let Some(key) = key(entry).filter(|key| same_origin(&key.id, actor)) else {
            continue;
        };
        let owners_agree = ["owner", "controller"]
            .iter()
            .flat_map(|name| many(entry, name))
            .all(|owner| id(owner) == Some(actor));
        if owners_agree && keys.iter().all(|k| k.id != key.id) {
            keys.push(key);
        }
    }
    keys
}

/// Reads one key: an object with its own id and `publicKeyPem` or `publicKeyMultibase`.
pub fn key(entry: &Value) -> Option<ListedKey> {
    let id = text(entry, "id")?;
    let (text, key) = match (
        text(entry, "publicKeyPem"),
        text(entry, "publicKeyMultibase"),
    ) {
        (Some(pem), _) => (pem, PublicKey::from_pem(pem).ok()?),
        (None, Some(multikey)) => (multikey, PublicKey::from_multikey(multikey).ok()?),
        (None, None) => return None,
    };
    Some(ListedKey {
        id: id.to_owned(),
        text: text.to_owned(),
        key,
    })
}

/// A page to show to people: an HTML one on the actor's host where there is a choice.
pub fn page<'a>(document: &'a Value, own: &Url) -> Option<&'a str> {
    let urls = many(document, "url");
    let is_html =
        |value: &&Value| text(value, "mediaType").is_none_or(|mime| mime.starts_with("text/html"));
    let on_host = |link: &&str| Url::parse(link).is_ok_and(|u| u.host() == own.host());
    urls.iter()
        .filter(is_html)
        .filter_map(url)
        .filter_map(link)
        .find(on_host)
}

/// A picture of an actor and its description; the widest of several (PeerTube).
fn picture(document: &Value, name: &str) -> (String, String) {
    let width = |picture: &&Value| picture.get("width").and_then(Value::as_i64);
    let widest = many(document, name).iter().take(20).max_by_key(width);
    // Where none says how wide it is, the first.
    let first = many(document, name).first();
    let Some(picture) = widest.filter(|picture| width(picture).is_some()).or(first) else {
        return Default::default();
    };
    let address = url(picture).map(unescaped).unwrap_or_default();
    let Some(link) = link(&address) else {
        return Default::default();
    };
    let description = text(picture, "name").or_else(|| text(picture, "summary"));
    (
        link.to_owned(),
        clean_inline(description.unwrap_or_default(), MAX_DESCRIPTION),
    )
}

fn fields(document: &Value) -> String {
    let fields: Vec<Value> = many(document, "attachment")
        .iter()
        .filter(|field| is_a(field, "PropertyValue"))
        .filter_map(|field| {
            let name = clean_inline(text(field, "name")?, MAX_FIELD_NAME);
            let value = clean_account_html(head(text(field, "value")?, MAX_FIELD_VALUE));
            Some(json!({"name": name, "value": value, "verified_at": null}))
        })
        .take(MAX_FIELDS)
        .collect();
    Value::Array(fields).to_string()
}

/// The longest start of a text that fits into some bytes.
fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
