//! Addresses of files: our own, and our copies of others'.
//!
//! A file from elsewhere is shown by an address of ours that is computed from what is at hand: the
//! id of the row that names it, or, where no row does, its own address with our signature, so
//! that the proxy fetches nothing that we have not shown (threat S20).

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Config;
use crate::media::storage::PRIVATE_AREAS;

/// Bytes of a signature.
const SIGNATURE: usize = 12;

/// Signs addresses of the proxy. Made from the server's secrets when the application is opened.
#[derive(Clone)]
pub struct MediaKey(hmac::Key);

impl MediaKey {
    /// Derived, so that nothing it signs can be taken for anything else.
    pub fn derive(secret: &[u8]) -> MediaKey {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = hmac::sign(&secret, b"addresses of the media proxy");
        MediaKey(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    fn sign(&self, kind: &str, url: &str) -> String {
        let signature = hmac::sign(&self.0, format!("{kind} {url}").as_bytes());
        URL_SAFE_NO_PAD.encode(&signature.as_ref()[..SIGNATURE])
    }
}

impl std::fmt::Debug for MediaKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MediaKey")
    }
}

/// Tells an address from the one before, so that a changed picture has another; protects nothing.
pub fn version_of(url: &str) -> String {
    let hash = url.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{:08x}", hash >> 32)
}

/// Whether a stored name is an address elsewhere rather than a storage key.
pub fn is_remote(stored: &str) -> bool {
    stored.starts_with("https://") || stored.starts_with("http://")
}

impl Config {
    /// The file that a storage key names. What not everybody may see is had here alone.
    pub fn media_url(&self, key: &str) -> String {
        let area = key.split_once('/').map_or("", |(area, _)| area);
        match &self.storage_public_url {
            Some(base) if !PRIVATE_AREAS.contains(&area) => format!("{base}/{key}"),
            _ => self.url(&format!("/media/{key}")),
        }
    }

    /// The storage key that one of [`Config::media_url`] names, also one of before or after there was a CDN.
    pub fn media_key_of<'u>(&self, url: &'u str) -> Option<&'u str> {
        let ours = self.url("/media");
        [Some(ours.as_str()), self.storage_public_url.as_deref()]
            .into_iter()
            .flatten()
            .find_map(|base| url.strip_prefix(base)?.strip_prefix('/'))
    }

    /// Our copy of a remote attachment: `original` or `small`. Ids can be guessed, and not
    /// everyone may see every attachment: whoever was shown one has its signature.
    pub fn remote_attachment_url(&self, media_id: i64, size: &str) -> String {
        let signature = self.media_key.sign("media", &media_id.to_string());
        self.url(&format!("/media/proxy/media/{media_id}-{signature}/{size}"))
    }

    /// The attachment that one of [`Config::remote_attachment_url`] stands for, by its second
    /// part.
    pub fn read_remote_attachment(&self, part: &str) -> Option<i64> {
        let (id, signature) = part.split_once('-')?;
        let signed = self.media_key.sign("media", id);
        crate::secret::same(&signed, signature).then(|| id.parse().ok())?
    }

    /// Where one of a chat's two finds a file of it, and its thumbnail: signed for that reader, so
    /// that each request can be held against who may see it now, and good until a time (`None`:
    /// as long as the message is there, for servers, which keep what they are told).
    pub fn chat_file_url(
        &self,
        media: &crate::db::media::Media,
        reader: i64,
        until: Option<i64>,
    ) -> (String, String) {
        let grant = format!("{}-{reader}-{}", media.id, until.unwrap_or(0));
        let signature = self.media_key.sign("chat", &grant);
        let named = |stem: &str, key: &str| {
            let extension = key.rsplit_once('.').map_or("", |(_, extension)| extension);
            let dot = if extension.is_empty() { "" } else { "." };
            self.url(&format!(
                "/media/chat/{grant}-{signature}/{stem}{dot}{extension}"
            ))
        };
        (
            named("original", &media.file),
            named("small", &media.preview),
        )
    }

    /// The file and the reader that one of [`Config::chat_file_url`] is for, by its second part.
    pub fn read_chat_file(&self, part: &str, now: i64) -> Option<(i64, i64)> {
        let (grant, signature) = part.split_at_checked(part.match_indices('-').nth(2)?.0)?;
        if !crate::secret::same(&self.media_key.sign("chat", grant), &signature[1..]) {
            return None;
        }
        let mut numbers = grant.split('-').map(str::parse::<i64>);
        let (media, reader, until) = (
            numbers.next()?.ok()?,
            numbers.next()?.ok()?,
            numbers.next()?.ok()?,
        );
        (until == 0 || now < until).then_some((media, reader))
    }

    /// Our copy of a remote account's `avatar` or `header`, which is at that address now.
    pub fn remote_picture_url(
        &self,
        kind: &str,
        account_id: i64,
        url: &str,
        still: bool,
    ) -> String {
        let version = version_of(url);
        let still = if still { "-static" } else { "" };
        self.url(&format!(
            "/media/proxy/{kind}/{account_id}/{version}{still}"
        ))
    }

    /// The address by which a stored picture without a row of its own is shown: a storage key's,
    /// our own as it is, and of one elsewhere our copy. `kind`: `emoji` or `emoji-static`.
    pub fn shown_url(&self, kind: &str, stored: &str) -> String {
        if !is_remote(stored) {
            return self.media_url(stored);
        }
        if self.is_ours(stored) {
            return stored.to_owned();
        }
        let signature = self.media_key.sign(kind, stored);
        let encoded = URL_SAFE_NO_PAD.encode(stored);
        self.url(&format!("/media/proxy/{kind}/{signature}/{encoded}"))
    }

    /// The address elsewhere that one of [`Config::shown_url`] stands for.
    pub fn read_shown_url(&self, kind: &str, signature: &str, encoded: &str) -> Option<String> {
        let url = String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()?;
        crate::secret::same(&self.media_key.sign(kind, &url), signature).then_some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_elsewhere_are_signed_by_kind() {
        let config = Config::load(Default::default(), std::iter::empty(), None).unwrap();
        let url = "https://b.example/blob.png?x=1";
        let shown = config.shown_url("emoji", url);
        let rest = shown
            .strip_prefix("http://localhost:8080/media/proxy/emoji/")
            .unwrap();
        let (signature, encoded) = rest.split_once('/').unwrap();
        assert_eq!(
            config
                .read_shown_url("emoji", signature, encoded)
                .as_deref(),
            Some(url)
        );
        assert_eq!(
            config.read_shown_url("emoji-static", signature, encoded),
            None
        );
        let other = URL_SAFE_NO_PAD.encode("http://169.254.169.254/");
        assert_eq!(config.read_shown_url("emoji", signature, &other), None);
        let foreign = MediaKey::derive(b"another server");
        assert_ne!(foreign.sign("emoji", url), signature);
        assert_eq!(
            config.shown_url("emoji", "a/b.png"),
            "http://localhost:8080/media/a/b.png"
        );
        let own = "http://localhost:8080/media/a.png";
        assert_eq!(config.shown_url("emoji", own), own);
    }

    #[test]
    fn an_attachment_is_not_had_by_its_id_alone() {
        let config = Config::load(Default::default(), std::iter::empty(), None).unwrap();
        let url = config.remote_attachment_url(1234, "small");
        let part = url.split('/').rev().nth(1).unwrap();
        assert_eq!(config.read_remote_attachment(part), Some(1234));
        assert_eq!(
            config.read_remote_attachment(&part.replace("1234-", "1235-")),
            None
        );
        assert_eq!(config.read_remote_attachment("1234"), None);
        assert_eq!(config.read_remote_attachment("1234-"), None);
    }

    #[test]
    fn a_changed_picture_has_another_address() {
        assert_ne!(
            version_of("https://b.example/1"),
            version_of("https://b.example/2")
        );
        assert_eq!(version_of("x").len(), 8);
    }
}
