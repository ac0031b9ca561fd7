//! HTTP Message Signatures, RFC 9421, for requests.

#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, DATE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored};
use sfv::{
    BareItem, Dictionary, InnerList, Item, ItemSerializer, KeyRef, ListEntry, ListSerializer,
    Parser,
};
use url::{Url, form_urlencoded};

use super::{
    Algorithm, BodyDigest, Extra, KeyType, MAX_COMPONENTS, MAX_HEADER_BYTES, Parts, PrivateKey,
    PublicKey, SignatureError, check_key_id, check_skew, digest, http_date, url_parts,
};

/// The `Signature-Input` header.
pub(crate) const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// The fragment of the key ids of actors here. Fedify (2.3) signs the `@target-uri` of the GET that
/// fetches a key with the fragment, which is never sent.
const KEY_FRAGMENT: &str = "#main-key";

/// The most labels looked at in one request.
const MAX_LABELS: usize = 4;

/// One labelled signature that covers enough.
#[derive(Debug, Clone)]
pub struct Parsed {
    components: Vec<Component>,
    /// The canonical form of the label's `Signature-Input` member: the value of
    /// `@signature-params`.
    params: String,
    key_id: String,
    algorithm: Option<Algorithm>,
    created: Option<i64>,
    expires: Option<i64>,
    signature: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Component {
    /// As it stands in the signature base, quotes and parameters included.
    identifier: String,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Method,
    TargetUri,
    Authority,
    Scheme,
    RequestTarget,
    Path,
    Query,
    QueryParam(String),
    Field(HeaderName),
}

/// Reads all labels. Those that cannot be used are left out; when none remains, the error is that
/// of the first.
pub(super) fn parse(parts: &Parts<'_>) -> Result<Vec<Parsed>, SignatureError> {
    let inputs = dictionary(parts, &SIGNATURE_INPUT)?;
    let signatures = dictionary(parts, &SIGNATURE)?;
    let mut usable = Vec::new();
    let mut error = None;
    for (label, input) in inputs.iter().take(MAX_LABELS) {
        let parsed = match (input, signatures.get(label)) {
            (ListEntry::InnerList(input), Some(ListEntry::Item(signature))) => {
                Parsed::read(input, signature).and_then(|p| p.check_coverage(parts).map(|()| p))
            }
            _ => Err(SignatureError::Malformed(
                "Signature-Input and Signature do not go together",
            )),
        };
        match parsed {
            Ok(parsed) => usable.push(parsed),
            Err(e) => error = error.or(Some(e)),
        }
    }
    if usable.is_empty() {
        return Err(error.unwrap_or(SignatureError::Missing));
    }
    Ok(usable)
}

fn dictionary(parts: &Parts<'_>, name: &HeaderName) -> Result<Dictionary, SignatureError> {
    let value = parts.field(name.as_str()).ok_or(SignatureError::Missing)?;
    if value.len() > MAX_HEADER_BYTES {
        return Err(SignatureError::Malformed("the header is too long"));
    }
    let malformed = |_| SignatureError::Malformed("the header is not a structured dictionary");
    // A structured dictionary keeps the last of several equal labels; another reader may have
    // checked the first, so neither is believed.
    Parser::new(&value)
        .parse_dictionary_with_visitor(Labels(Vec::new()))
        .map_err(malformed)?
        .then_some(())
        .ok_or(SignatureError::Malformed("a label is given twice"))?;
    Parser::new(&value).parse().map_err(malformed)
}

/// Collects labels to tell whether they differ.
struct Labels<'de>(Vec<&'de str>);

impl<'de> DictionaryVisitor<'de> for Labels<'de> {
    type Out = bool;
    type Error = std::convert::Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Self::Error> {
        self.0.push(key.as_str());
        Ok(Ignored)
    }

    fn finish(mut self) -> Result<bool, Self::Error> {
        let count = self.0.len();
        self.0.sort_unstable();
        self.0.dedup();
        Ok(self.0.len() == count)
    }
}

impl Parsed {
    fn read(input: &InnerList, signature: &Item) -> Result<Self, SignatureError> {
        let BareItem::ByteSequence(signature) = &signature.bare_item else {
            return Err(SignatureError::Malformed("the signature is not bytes"));
        };
        if input.items.len() > MAX_COMPONENTS {
            return Err(SignatureError::Malformed("too many covered components"));
        }
        let mut components: Vec<Component> = Vec::with_capacity(input.items.len());
        for item in &input.items {
            let component = Component::read(item)?;
            let known = |c: &Component| c.identifier == component.identifier;
            if components.iter().any(known) {
                return Err(SignatureError::Malformed("a component is covered twice"));
            }
            components.push(component);
        }
        let mut serializer = ListSerializer::new();
        serializer.members([&ListEntry::InnerList(input.clone())]);
        let mut parsed = Self {
            components,
            params: serializer.finish().unwrap_or_default(),
            key_id: String::new(),
            algorithm: None,
            created: None,
            expires: None,
            signature: signature.clone(),
        };
        for (name, value) in &input.params {
            match (name.as_str(), value) {
                ("keyid", BareItem::String(id)) => parsed.key_id = id.as_str().to_owned(),
                ("alg", BareItem::String(name)) => parsed.algorithm = Some(named(name.as_str())?),
                ("created", BareItem::Integer(time)) => parsed.created = Some((*time).into()),
                ("expires", BareItem::Integer(time)) => parsed.expires = Some((*time).into()),
                ("keyid" | "alg" | "created" | "expires", _) => {
                    return Err(SignatureError::Malformed("a parameter has the wrong type"));
                }
                // `nonce`, `tag` and whatever comes: covered, and of no meaning here.
                _ => {}
            }
        }
        if parsed.key_id.is_empty() {
            return Err(SignatureError::MissingKeyId);
        }
        Ok(parsed)
    }

    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    fn covers(&self, what: &What) -> bool {
        self.components.iter().any(|c| c.what == *what)
    }

    pub(super) fn covers_field(&self, name: &HeaderName) -> bool {
        self.covers(&What::Field(name.clone()))
    }

    fn check_coverage(&self, parts: &Parts<'_>) -> Result<(), SignatureError> {
        if !self.covers(&What::Method) {
            return Err(SignatureError::NotCovered("@method"));
        }
        let host = self.covers(&What::Authority) || self.covers(&What::Field(HOST));
        // The path alone would leave the query open to change.
        let path = self.covers(&What::Path)
            && (parts.query().is_none_or(str::is_empty) || self.covers(&What::Query));
        let target = path || self.covers(&What::RequestTarget);
        let bound = self.covers(&What::TargetUri) || (host && target);
        if !bound {
            return Err(SignatureError::NotCovered(
                "@target-uri, nor @authority with the path and query",
            ));
        }
        if parts.needs_digest() && !self.covers(&What::Field(CONTENT_DIGEST)) {
            return Err(SignatureError::NotCovered("content-digest"));
        }
        if self.created.is_none() && !self.covers(&What::Field(DATE)) {
            return Err(SignatureError::NotCovered("created, nor date"));
        }
        Ok(())
    }

    /// Time, host and digest.
    pub(super) fn check(&self, parts: &Parts<'_>, now_ms: i64) -> Result<(), SignatureError> {
        self.check_coverage(parts)?;
        if let Some(created) = self.created {
            check_skew("created", created, now_ms)?;
        }
        if self.covers(&What::Field(DATE)) {
            parts.check_date(now_ms)?;
        }
        if self
            .expires
            .is_some_and(|e| e.saturating_mul(1000) < now_ms)
        {
            return Err(SignatureError::Expired);
        }
        parts.check_host()?;
        if parts.needs_digest() {
            let value = parts
                .field(CONTENT_DIGEST.as_str())
                .ok_or_else(|| SignatureError::MissingHeader("content-digest".into()))?;
            digest::verify_content_digest(&value, parts.body())?;
        }
        Ok(())
    }

    pub(super) fn verify(
        &self,
        key: &PublicKey,
        parts: &Parts<'_>,
        now_ms: i64,
    ) -> Result<(), SignatureError> {
        self.check(parts, now_ms)?;
        self.verify_base(key, parts)
    }

    /// The cryptographic check alone.
    fn verify_base(&self, key: &PublicKey, parts: &Parts<'_>) -> Result<(), SignatureError> {
        let algorithms: &[Algorithm] = match (self.algorithm, key.key_type()) {
            (Some(one), key_type) if one.key_type() != key_type => {
                return Err(SignatureError::AlgorithmMismatch);
            }
            (Some(one), _) => &[one],
            (None, KeyType::Rsa) => &[Algorithm::RsaPkcs1Sha256, Algorithm::RsaPssSha512],
            (None, KeyType::Ed25519) => &[Algorithm::Ed25519],
        };
        let valid = |fragment: &str| -> Result<bool, SignatureError> {
            let base = self.base(parts, fragment)?;
            let matches = |a: &Algorithm| key.verify(*a, &base, &self.signature);
            Ok(algorithms.iter().any(matches))
        };
        let with_fragment = *parts.method == Method::GET && self.covers(&What::TargetUri);
        let ok = valid("")? || (with_fragment && valid(KEY_FRAGMENT)?);
        ok.then_some(()).ok_or(SignatureError::Invalid)
    }

    /// The signature base (section 2.5), with `fragment` at the end of `@target-uri`.
    fn base(&self, parts: &Parts<'_>, fragment: &str) -> Result<Vec<u8>, SignatureError> {
        let mut base = Vec::new();
        for component in &self.components {
            let mut value = component.what.value(parts)?;
            if component.what == What::TargetUri {
                value.extend_from_slice(fragment.as_bytes());
            }
            if value.contains(&b'\n') {
                return Err(SignatureError::Malformed("a component has a line break"));
            }
            base.extend_from_slice(component.identifier.as_bytes());
            base.extend_from_slice(b": ");
            base.extend_from_slice(&value);
            base.push(b'\n');
        }
        base.extend_from_slice(b"\"@signature-params\": ");
        base.extend_from_slice(self.params.as_bytes());
        Ok(base)
    }
}

impl Component {
    fn read(item: &Item) -> Result<Self, SignatureError> {
        let BareItem::String(name) = &item.bare_item else {
            return Err(SignatureError::Malformed("a component is not a string"));
        };
        let identifier = ItemSerializer::new()
            .bare_item(&item.bare_item)
            .parameters(&item.params)
            .finish();
        let unsupported =
            || SignatureError::UnsupportedComponent(identifier.chars().take(80).collect());
        let what = match name.as_str() {
            "@query-param" => {
                let mut params = item.params.iter();
                match (params.next(), params.next()) {
                    (Some((key, BareItem::String(name))), None) if key.as_str() == "name" => {
                        What::QueryParam(name.as_str().to_owned())
                    }
                    _ => return Err(unsupported()),
                }
            }
            // `sf`, `bs`, `key`, `req` and `tr` change the value; nobody is known to send them.
            _ if !item.params.is_empty() => return Err(unsupported()),
            "@method" => What::Method,
            "@target-uri" => What::TargetUri,
            "@authority" => What::Authority,
            "@scheme" => What::Scheme,
            "@request-target" => What::RequestTarget,
            "@path" => What::Path,
            "@query" => What::Query,
            field => What::Field(HeaderName::try_from(field).map_err(|_| unsupported())?),
        };
        Ok(Self { identifier, what })
    }
}

impl What {
    /// The component's value in a request (sections 2.1 and 2.2).
    fn value(&self, parts: &Parts<'_>) -> Result<Vec<u8>, SignatureError> {
        let text = match self {
            Self::Field(name) => {
                return parts
                    .field(name.as_str())
                    .ok_or_else(|| SignatureError::MissingHeader(name.as_str().to_owned()));
            }
            Self::Method => parts.method.as_str().to_owned(),
            Self::TargetUri => target_uri(parts.scheme, &parts.normal_authority(), parts.target),
            Self::Authority => parts.normal_authority(),
            Self::Scheme => parts.scheme.to_ascii_lowercase(),
            Self::RequestTarget => parts.target.to_owned(),
            Self::Path if parts.path().is_empty() => "/".to_owned(),
            Self::Path => parts.path().to_owned(),
            Self::Query => format!("?{}", parts.query().unwrap_or_default()),
            Self::QueryParam(name) => query_param(parts, name)?,
        };
        Ok(text.into_bytes())
    }
}

fn target_uri(scheme: &str, authority: &str, target: &str) -> String {
    format!("{}://{authority}{target}", scheme.to_ascii_lowercase())
}

/// The one value of a query parameter, percent-encoded anew (section 2.2.8).
fn query_param(parts: &Parts<'_>, name: &str) -> Result<String, SignatureError> {
    let encode = |text: &str| -> String {
        form_urlencoded::byte_serialize(text.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    };
    let query = parts.query().unwrap_or_default();
    let mut values = form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| encode(key) == name)
        .map(|(_, value)| encode(&value));
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        (None, _) => Err(SignatureError::MissingHeader("@query-param".into())),
        (Some(_), Some(_)) => Err(SignatureError::Malformed("a query parameter is repeated")),
    }
}

fn named(name: &str) -> Result<Algorithm, SignatureError> {
    match name {
        "rsa-v1_5-sha256" => Ok(Algorithm::RsaPkcs1Sha256),
        "rsa-pss-sha512" => Ok(Algorithm::RsaPssSha512),
        "ed25519" => Ok(Algorithm::Ed25519),
        _ => Err(SignatureError::UnsupportedAlgorithm(
            name.chars().take(40).collect(),
        )),
    }
}

/// Headers of a signed request: `host`, `date`, `signature-input`, `signature`, and with a body
/// also `content-digest` and `content-type`. Covered are `@method`, `@target-uri` and
/// `content-digest`, with label `sig1`. `now_ms` is milliseconds since the epoch.
pub fn sign_rfc9421(
    key: &PrivateKey,
    key_id: &str,
    method: &Method,
    url: &Url,
    body: Option<&BodyDigest>,
    now_ms: i64,
) -> Result<HeaderMap, SignatureError> {
    sign_rfc9421_with(key, key_id, method, url, body, now_ms, None)
}

/// The same with one more header, covered too.
pub fn sign_rfc9421_with(
    key: &PrivateKey,
    key_id: &str,
    method: &Method,
    url: &Url,
    body: Option<&BodyDigest>,
    now_ms: i64,
    extra: Extra<'_>,
) -> Result<HeaderMap, SignatureError> {
    check_key_id(key_id)?;
    let (authority, target) = url_parts(url)?;
    let mut base = format!(
        "\"@method\": {method}\n\"@target-uri\": {}\n",
        target_uri(url.scheme(), &authority, &target)
    )
    .into_bytes();
    let mut headers = HeaderMap::with_capacity(6);
    let mut covered = String::from("\"@method\" \"@target-uri\"");
    if let Some(body) = body {
        base.extend_from_slice(b"\"content-digest\": ");
        base.extend_from_slice(body.content_digest().as_bytes());
        base.push(b'\n');
        covered.push_str(" \"content-digest\"");
        headers.insert(CONTENT_DIGEST, body.content_digest().clone());
        headers.insert(CONTENT_TYPE, body.content_type().clone());
    }
    if let Some((name, value)) = extra {
        base.extend_from_slice(format!("\"{name}\": ").as_bytes());
        base.extend_from_slice(value.as_bytes());
        base.push(b'\n');
        covered.push_str(&format!(" \"{name}\""));
        headers.insert(name, value.clone());
    }
    let algorithm = match key.key_type() {
        KeyType::Rsa => "rsa-v1_5-sha256",
        KeyType::Ed25519 => "ed25519",
    };
    let created = now_ms.div_euclid(1000);
    let params = format!("({covered});created={created};keyid=\"{key_id}\";alg=\"{algorithm}\"");
    base.extend_from_slice(b"\"@signature-params\": ");
    base.extend_from_slice(params.as_bytes());
    let signature = key
        .sign(&base)
        .map_err(|_| SignatureError::Signing("the key failed"))?;
    let signature = format!("sig1=:{}:", STANDARD.encode(signature));
    for (name, value) in [
        (HOST, authority),
        (DATE, http_date(now_ms)),
        (SIGNATURE_INPUT, format!("sig1={params}")),
        (SIGNATURE, signature),
    ] {
        let value = HeaderValue::try_from(value)
            .map_err(|_| SignatureError::Signing("a header has forbidden letters"))?;
        headers.insert(name, value);
    }
    Ok(headers)
}
