//! The translation service that the operator configured: LibreTranslate, or what speaks as it
//! does. Its address is the operator's word, so that nothing guards it.

use std::collections::BTreeMap;
use std::sync::RwLock;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use url::Url;

/// How long a translation may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer, in bytes.
const MAX_ANSWER: usize = 2 * 1024 * 1024;
/// How long the list of languages is believed, in milliseconds.
const LANGUAGES_LIVE: i64 = 3_600_000;

/// Source languages with those they can be translated to.
pub type Languages = BTreeMap<String, Vec<String>>;

/// Why there is no translation.
#[derive(Debug, thiserror::Error)]
pub enum TranslateError {
    /// It does not answer, or not as it should.
    #[error("the translation service: {0}")]
    Unavailable(String),
    /// It has been asked too often.
    #[error("the translation service has been asked too often")]
    TooMany,
    /// Its key is spent or no good.
    #[error("the translation service refuses its key")]
    Refused,
}

/// Texts in another language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translated {
    /// In the order of what was asked.
    pub texts: Vec<String>,
    /// What the service took the texts for, where it was asked to find out.
    pub detected: Option<String>,
}

/// A client of the service.
pub struct Translator {
    http: reqwest::Client,
    base: Url,
    key: Option<String>,
    /// When they were asked for, and the answer.
    languages: RwLock<Option<(i64, std::sync::Arc<Languages>)>>,
}

impl Translator {
    /// A client of the service at an address.
    #[expect(
        clippy::disallowed_methods,
        reason = "a service of the operator's is not guarded, and may be private"
    )]
    pub fn new(base: Url, key: Option<String>) -> Result<Translator, reqwest::Error> {
        Ok(Translator {
            http: reqwest::Client::builder().timeout(TIMEOUT).build()?,
            base,
            key,
            languages: RwLock::new(None),
        })
    }

    fn endpoint(&self, name: &str) -> String {
        format!("{}/{name}", self.base.as_str().trim_end_matches('/'))
    }

    /// What it can translate to what; asked once an hour. `now` in milliseconds.
    pub async fn languages(&self, now: i64) -> Result<std::sync::Arc<Languages>, TranslateError> {
        let kept = self.languages.read().ok().and_then(|kept| kept.clone());
        if let Some((at, languages)) = kept
            && at > now - LANGUAGES_LIVE
        {
            return Ok(languages);
        }
        #[derive(Deserialize)]
        struct Language {
            code: String,
            #[serde(default)]
            targets: Option<Vec<String>>,
        }
        let list: Vec<Language> = answer(self.http.get(self.endpoint("languages"))).await?;
        let codes: Vec<String> = list.iter().map(|l| l.code.clone()).collect();
        let mut languages: Languages = list
            .into_iter()
            .map(|language| {
                // Older servers name no targets: then it is every other one.
                let targets = language.targets.unwrap_or_else(|| codes.clone());
                let others = targets.into_iter().filter(|t| *t != language.code);
                (language.code.clone(), others.collect())
            })
            .collect();
        // What is in no known language is found out by the service.
        let mut all: Vec<String> = languages.values().flatten().cloned().collect();
        all.sort();
        all.dedup();
        if !all.is_empty() {
            languages.insert("und".to_owned(), all);
        }
        let languages = std::sync::Arc::new(languages);
        if let Ok(mut kept) = self.languages.write() {
            *kept = Some((now, languages.clone()));
        }
        Ok(languages)
    }

    /// Translates HTML texts; `source` `None`: from whatever they are in.
    pub async fn translate(
        &self,
        texts: &[String],
        source: Option<&str>,
        target: &str,
    ) -> Result<Translated, TranslateError> {
        let mut body = json!({
            "q": texts,
            "source": source.unwrap_or("auto"),
            "target": target,
            "format": "html",
        });
        if let Some(key) = &self.key {
            body["api_key"] = json!(key);
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            translated_text: Vec<String>,
            #[serde(default)]
            detected_language: Option<serde_json::Value>,
        }
        let request = self
            .http
            .post(self.endpoint("translate"))
            .header("content-type", "application/json")
            .body(body.to_string());
        let found: Answer = answer(request).await?;
        if found.translated_text.len() != texts.len() {
            return Err(TranslateError::Unavailable(
                "answered another number of texts than was asked".to_owned(),
            ));
        }
        // One for all, or one for each text, of which the first counts.
        let detected = found.detected_language.as_ref().and_then(|value| {
            let first = value.get(0).unwrap_or(value);
            first.get("language")?.as_str().map(str::to_owned)
        });
        Ok(Translated {
            texts: found.translated_text,
            detected,
        })
    }
}

/// Sends a request and reads its JSON.
async fn answer<T: serde::de::DeserializeOwned>(
    request: reqwest::RequestBuilder,
) -> Result<T, TranslateError> {
    let failed =
        |error: reqwest::Error| TranslateError::Unavailable(error.without_url().to_string());
    let mut response = request.send().await.map_err(failed)?;
    match response.status().as_u16() {
        200..=299 => {}
        429 => return Err(TranslateError::TooMany),
        401 | 403 => return Err(TranslateError::Refused),
        status => return Err(TranslateError::Unavailable(format!("answered {status}"))),
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(TranslateError::Unavailable("answered too much".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|e| TranslateError::Unavailable(e.to_string()))
}
