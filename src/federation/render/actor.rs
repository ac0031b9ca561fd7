//! Local accounts as actors.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::note::time;
use super::{CONTEXT, emoji};
use crate::clock::iso_seconds;
use crate::config::Config;
use crate::db::accounts::Account;
use crate::db::profiles::Profile;
use crate::domain::accounts::INSTANCE_ACTOR;
use crate::domain::collections::{can_feature, list_uri};
use crate::domain::emojis::Used;
use crate::domain::outgoing::featured_uri;
use crate::federation::local_keys::LocalKeys;

/// What an actor's terms mean. `assertionMethod` is FEP-521a's, `webfinger` FEP-2c59's.
pub fn context() -> Value {
    json!([
        CONTEXT,
        "https://w3id.org/security/v1",
        "https://w3id.org/security/multikey/v1",
        {
            "assertionMethod": {
                "@id": "https://w3id.org/security#assertionMethod",
                "@type": "@id",
                "@container": "@set",
            },
            "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
            "alsoKnownAs": {"@id": "as:alsoKnownAs", "@type": "@id"},
            "featured": {"@id": "toot:featured", "@type": "@id"},
            "featuredCollections": {"@id": "https://w3id.org/fep/7aa9#featuredCollections", "@type": "@id"},
            "gts": "https://gotosocial.org/ns#",
            "interactionPolicy": {"@id": "gts:interactionPolicy", "@type": "@id"},
            "automaticApproval": {"@id": "gts:automaticApproval", "@type": "@id"},
            "manualApproval": {"@id": "gts:manualApproval", "@type": "@id"},
            "canFeature": {"@id": "https://w3id.org/fep/7aa9#canFeature", "@type": "@id"},
            "movedTo": {"@id": "as:movedTo", "@type": "@id"},
            "toot": "http://joinmastodon.org/ns#",
            "Emoji": "toot:Emoji",
            "discoverable": "toot:discoverable",
            "indexable": "toot:indexable",
            "schema": "http://schema.org#",
            "PropertyValue": "schema:PropertyValue",
            "value": "schema:value",
            "litepub": "http://litepub.social/ns#",
            "capabilities": "litepub:capabilities",
            "acceptsChatMessages": "litepub:acceptsChatMessages",
            "vcard": "http://www.w3.org/2006/vcard/ns#",
            "kith": super::NAMESPACE,
            "statusLine": "kith:statusLine",
            "emoji": "kith:emoji",
            "webfinger": "https://purl.archive.org/socialweb/webfinger#webfinger",
        },
    ])
}

/// The same with the term that suspended actors use.
pub fn context_of(object: &Value) -> Value {
    let mut context = context();
    if object.get("suspended").is_some()
        && let Some(terms) = context.as_array_mut().and_then(|all| all.last_mut())
    {
        terms["suspended"] = json!("toot:suspended");
    }
    context
}

/// A local account with what its document shows besides.
#[derive(Debug, Clone, Copy)]
pub struct ActorDocument<'a> {
    pub config: &'a Config,
    pub account: &'a Account,
    /// What it shows besides.
    pub profile: Option<&'a Profile>,
    pub keys: &'a LocalKeys,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    /// Clean HTML.
    value: String,
}

impl ActorDocument<'_> {
    /// The actor without context. Of one that is suspended, as Mastodon has it, nothing is told but
    /// that it is there and suspended: others are to hide it, and may find it again once it is back.
    pub fn object(&self) -> Value {
        if self.account.suspended_at.is_none() {
            return self.whole();
        }
        let bare = Account {
            display_name: String::new(),
            note: String::new(),
            fields: "[]".to_owned(),
            emojis: "[]".to_owned(),
            avatar: String::new(),
            header: String::new(),
            discoverable: false,
            indexable: false,
            ..self.account.clone()
        };
        let mut object = ActorDocument {
            account: &bare,
            profile: None,
            ..*self
        }
        .whole();
        object["suspended"] = json!(true);
        object
    }

    fn whole(&self) -> Value {
        let account = self.account;
        let uri = &account.uri;
        let mut members = Map::with_capacity(31);
        let mut put = |name: &str, value: Value| {
            members.insert(name.to_owned(), value);
        };
        put("id", json!(uri));
        put("type", json!(account.kind));
        put("preferredUsername", json!(account.username));
        put(
            "name",
            json!(match account.display_name.as_str() {
                "" => &account.username,
                name => name,
            }),
        );
        put("summary", json!(account.note));
        put("url", json!(account.url));
        put("inbox", json!(account.inbox_url));
        put("outbox", json!(format!("{uri}/outbox")));
        put("followers", json!(account.followers_url));
        put("following", json!(format!("{uri}/following")));
        put("featured", json!(featured_uri(account)));
        let can_feature = can_feature(account);
        let mut approval = json!({"automaticApproval": can_feature.automatic});
        if !can_feature.manual.is_empty() {
            approval["manualApproval"] = json!(can_feature.manual);
        }
        put("interactionPolicy", json!({"canFeature": approval}));
        if account.username != INSTANCE_ACTOR {
            put("featuredCollections", json!(list_uri(account)));
        }
        put("endpoints", json!({"sharedInbox": account.delivery_url}));
        if account.kind == "Person" {
            put("capabilities", json!({"acceptsChatMessages": true}));
        }
        put("published", time(account.created_at));
        put("manuallyApprovesFollowers", json!(account.locked));
        put("discoverable", json!(account.discoverable));
        put("indexable", json!(account.indexable));
        put(
            "webfinger",
            json!(self.config.handle(&account.username, &account.domain)),
        );
        put(
            "publicKey",
            json!({
                "id": self.keys.request.key_id,
                "owner": uri,
                "publicKeyPem": self.keys.request.key.public_key().to_pem(),
            }),
        );
        put(
            "assertionMethod",
            json!([{
                "id": self.keys.proof.key_id,
                "type": "Multikey",
                "controller": uri,
                "publicKeyMultibase": self.keys.proof.key.public_key().to_multikey(),
            }]),
        );
        let fields: Vec<Field> = serde_json::from_str(&account.fields).unwrap_or_default();
        put(
            "attachment",
            fields
                .into_iter()
                .map(|f| json!({"type": "PropertyValue", "name": f.name, "value": f.value}))
                .collect(),
        );
        if let Some(profile) = self.profile {
            if !profile.location.is_empty() {
                put("vcard:Address", json!(profile.location));
            }
            if let Some(line) = status_line(profile) {
                put("statusLine", line);
            }
        }
        let emojis = Used::list(&account.emojis);
        put("tag", emojis.iter().map(emoji::object).collect());
        for (name, file, description) in [
            ("icon", &account.avatar, &account.avatar_description),
            ("image", &account.header, &account.header_description),
        ] {
            if let Some(image) = self.image(file, description) {
                put(name, image);
            }
        }
        let aliases: Vec<String> = serde_json::from_str(&account.also_known_as).unwrap_or_default();
        if !aliases.is_empty() {
            put("alsoKnownAs", json!(aliases));
        }
        if !account.moved_to.is_empty() {
            put("movedTo", json!(account.moved_to));
        }
        Value::Object(members)
    }

    /// The actor on its own.
    pub fn document(&self) -> Value {
        let object = self.object();
        super::document(context_of(&object), object)
    }

    fn image(&self, file: &str, description: &str) -> Option<Value> {
        if file.is_empty() {
            return None;
        }
        let mut image = json!({"type": "Image", "url": self.config.media_url(file)});
        if let Some(mime) = mime_of(file) {
            image["mediaType"] = json!(mime);
        }
        if !description.is_empty() {
            // Mastodon reads `summary`, others `name`.
            image["summary"] = json!(description);
            image["name"] = json!(description);
        }
        Some(image)
    }
}

/// The type of a stored image, which its key ends in.
fn mime_of(key: &str) -> Option<&'static str> {
    Some(match key.rsplit_once('.')?.1 {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        _ => return None,
    })
}

/// What someone says they do now: Kith's own term. Who reads it looks at `endTime` by themselves.
fn status_line(profile: &Profile) -> Option<Value> {
    if profile.status_text.is_empty() && profile.status_emoji.is_empty() {
        return None;
    }
    let mut line = json!({"name": profile.status_text});
    if !profile.status_emoji.is_empty() {
        line["emoji"] = json!(profile.status_emoji);
    }
    if let Some(at) = profile.status_expires_at {
        line["endTime"] = json!(iso_seconds(at));
    }
    Some(line)
}
