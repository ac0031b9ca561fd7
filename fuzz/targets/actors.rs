//! Documents of actors, with the keys in them.

#![no_main]

use kith::db::accounts::Account;
use kith::federation::objects::actor;
use kith::federation::signature::PublicKey;
use kith::federation::value::{self, link, same_origin, text, uri};
use kith::text::names::{normalize_domain, parse_handle};
use kith_fuzz::{
    NOW, array, assert_cleaned, assert_emojis, assert_id_or_nothing, assert_inline, bounded, expand,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// The longest document that is read.
const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    bounded(|| actor(&expand(data, LIMIT)));
});

fn actor(data: &[u8]) {
    let Ok(document) = value::parse(data) else {
        return;
    };
    let id = text(&document, "id").unwrap_or_default();
    let keys = actor::keys(&document);
    assert!(keys.len() <= 10);
    for (at, key) in keys.iter().enumerate() {
        assert!(same_origin(&key.id, id) && keys[..at].iter().all(|other| other.id != key.id));
        let again = PublicKey::from_pem(&key.text).or_else(|_| PublicKey::from_multikey(&key.text));
        assert_eq!(again.as_ref(), Ok(&key.key));
    }
    let Ok(read) = actor::read(&document, NOW) else {
        return;
    };
    assert!(actor::is_actor(&document) && read.account.uri == id);
    assert_eq!(read.keys.len(), keys.len());
    assert_inline(&read.location);
    assert_inline(&read.status.text);
    account(&read.account);
}

/// An actor is told nothing but what it may say of itself.
fn account(account: &Account) {
    let id = uri(&account.uri).expect("an actor's id is an id");
    let own = |other: &str| same_origin(&account.uri, other);
    assert_eq!(
        uri(&account.inbox_url).map(|inbox| inbox.origin()),
        Some(id.origin())
    );
    assert!(own(&account.delivery_url) && own(&account.inbox_url));
    assert_eq!(account.delivery_host, value::host(&id));
    assert!(account.followers_url.is_empty() || own(&account.followers_url));
    let endpoints: Value = serde_json::from_str(&account.endpoints).expect("JSON");
    for name in ["outbox", "following", "featured"] {
        let endpoint = text(&endpoints, name).expect("an endpoint is text");
        assert!(endpoint.is_empty() || own(endpoint));
    }
    assert_eq!(
        normalize_domain(&account.domain).as_ref(),
        Some(&account.domain)
    );
    let handle = parse_handle(&format!("{}@{}", account.username, account.domain));
    assert!(handle.is_some_and(|handle| handle.domain.as_ref() == Some(&account.domain)));
    for url in [&account.url, &account.avatar, &account.header] {
        assert!(url.is_empty() || link(url).is_some());
    }
    for line in [
        &account.display_name,
        &account.avatar_description,
        &account.header_description,
    ] {
        assert_inline(line);
    }
    assert_cleaned(&account.note);
    let fields = array(&account.fields);
    assert!(fields.len() <= 16);
    for field in &fields {
        assert_inline(text(field, "name").expect("a field has a name"));
        assert_cleaned(text(field, "value").expect("a field has a value"));
    }
    assert_emojis(&account.emojis);
    let aliases = array(&account.also_known_as);
    assert!(aliases.len() <= 32);
    assert!(
        aliases
            .iter()
            .all(|alias| alias.as_str().and_then(uri).is_some())
    );
    assert_id_or_nothing(&account.moved_to);
}
