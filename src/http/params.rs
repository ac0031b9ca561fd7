//! Bodies: JSON, form and multipart alike, with the query added, as Rails reads them.
//!
//! `media_ids[]=1&media_ids[]=2` is a list, `poll[options][]=a` a list in an object,
//! `fields_attributes[0][name]=x` an object with numbered keys, which [`list`] takes as a list.
//! Values of forms are texts: the functions here read numbers, flags and ids from texts too.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{StatusCode, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::app::App;
use crate::error::{AppError, AppResult};

/// Largest body that is not an upload.
pub const MAX_BODY: usize = 1 << 20;
/// Largest upload, files and fields together.
pub const MAX_UPLOAD: usize = 41 << 20;
/// Deepest nesting of names in a form.
const MAX_DEPTH: usize = 6;
/// Most fields in a form.
const MAX_FIELDS: usize = 1000;

/// The parameters of a request, from query and body, read into `T`.
pub struct Params<T>(pub T);

/// The same with the files of a multipart body, which has at most `MAX` bytes.
pub struct Upload<T, const MAX: usize = MAX_UPLOAD> {
    pub params: T,
    pub files: Vec<File>,
}

/// A file of a multipart body.
#[derive(Debug, Clone)]
pub struct File {
    /// The form field.
    pub field: String,
    pub bytes: Bytes,
}

impl<T: DeserializeOwned> FromRequest<App> for Params<T> {
    type Rejection = AppError;

    async fn from_request(request: Request, _: &App) -> AppResult<Params<T>> {
        let (value, _) = read(request, MAX_BODY).await?;
        Ok(Params(parse(value)?))
    }
}

impl<T: DeserializeOwned, const MAX: usize> FromRequest<App> for Upload<T, MAX> {
    type Rejection = AppError;

    async fn from_request(request: Request, _: &App) -> AppResult<Upload<T, MAX>> {
        let (value, files) = read(request, MAX).await?;
        Ok(Upload {
            params: parse(value)?,
            files,
        })
    }
}

/// Reads parameters into what a handler wants; 422 when they will not do.
pub(super) fn parse<T: DeserializeOwned>(value: Value) -> AppResult<T> {
    serde_json::from_value(value)
        .map_err(|e| AppError::invalid("Validation failed").describe(e.to_string()))
}

/// The parameters of a request as a JSON object, and its files.
pub(super) async fn read(request: Request, max: usize) -> AppResult<(Value, Vec<File>)> {
    let (parts, body) = request.into_parts();
    let mut fields = Fields::default();
    fields.query(parts.uri.query())?;
    let content_type = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let mut files = Vec::new();
    match kind.to_ascii_lowercase().as_str() {
        "multipart/form-data" => {
            let boundary = multer::parse_boundary(&content_type)
                .map_err(|_| AppError::bad_request("Malformed multipart body"))?;
            read_multipart(body, boundary, max, &mut fields, &mut files).await?;
        }
        kind if kind == "application/json" || kind.ends_with("+json") => {
            let bytes = collect(body, max).await?;
            if !bytes.is_empty() {
                let value: Value = serde_json::from_slice(&bytes)
                    .map_err(|e| AppError::bad_request("Malformed JSON").describe(e.to_string()))?;
                let Value::Object(object) = value else {
                    return Err(AppError::bad_request("The body must be a JSON object"));
                };
                for (name, value) in object {
                    fields.root.insert(name, value);
                }
            }
        }
        "" | "application/x-www-form-urlencoded" => {
            let bytes = collect(body, max).await?;
            for (name, value) in form_urlencoded::parse(&bytes) {
                fields.insert(&name, Value::String(value.into_owned()))?;
            }
        }
        _ => {
            return Err(AppError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be JSON, a form or multipart",
            ));
        }
    }
    Ok((Value::Object(fields.root), files))
}

async fn collect(body: Body, max: usize) -> AppResult<Bytes> {
    let limited = http_body_util::Limited::new(body, max);
    match limited.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Err(_) => Err(AppError::bad_request("The body could not be read")),
    }
}

/// 413.
pub(super) fn too_large() -> AppError {
    AppError::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large")
}

async fn read_multipart(
    body: Body,
    boundary: String,
    max: usize,
    fields: &mut Fields,
    files: &mut Vec<File>,
) -> AppResult<()> {
    let limits = multer::SizeLimit::new().whole_stream(max as u64);
    let constraints = multer::Constraints::new().size_limit(limits);
    let stream = body.into_data_stream();
    let mut multipart = multer::Multipart::with_constraints(stream, boundary, constraints);
    let failed = |error: multer::Error| match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => {
            too_large()
        }
        _ => AppError::bad_request("Malformed multipart body"),
    };
    while let Some(field) = multipart.next_field().await.map_err(failed)? {
        let name = field.name().unwrap_or_default().to_owned();
        let is_file = field.file_name().is_some();
        let bytes = field.bytes().await.map_err(failed)?;
        if is_file {
            files.push(File { field: name, bytes });
        } else {
            let text = String::from_utf8(bytes.into())
                .map_err(|_| AppError::bad_request("A field is not UTF-8"))?;
            fields.insert(&name, Value::String(text))?;
        }
    }
    Ok(())
}

/// Parameters as a JSON object, built name by name.
#[derive(Default)]
pub(super) struct Fields {
    root: Map<String, Value>,
    count: usize,
}

impl Fields {
    /// Takes in a query.
    pub(super) fn query(&mut self, query: Option<&str>) -> AppResult<()> {
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            self.insert(&name, Value::String(value.into_owned()))?;
        }
        Ok(())
    }

    /// All that was put in.
    pub(super) fn into_object(self) -> Map<String, Value> {
        self.root
    }

    /// Puts a value where its name says: `a`, `a[]`, `a[b]`, `a[b][]`…
    pub(super) fn insert(&mut self, name: &str, value: Value) -> AppResult<()> {
        self.count += 1;
        let mut keys = name
            .split('[')
            .map(|key| key.strip_suffix(']').unwrap_or(key));
        let first = keys.next().unwrap_or_default().to_owned();
        let rest: Vec<&str> = keys.collect();
        if self.count > MAX_FIELDS || rest.len() > MAX_DEPTH {
            return Err(AppError::bad_request("Too many parameters"));
        }
        let mut slot = self.root.entry(first).or_insert(Value::Null);
        for (n, key) in rest.iter().enumerate() {
            if key.is_empty() {
                if !slot.is_array() {
                    *slot = Value::Array(Vec::new());
                }
                let Value::Array(items) = slot else {
                    return Ok(());
                };
                // `a[][b]` and `a[][c]` are of one object, a second `a[][b]` begins the next.
                let goes_on = match (items.last(), rest.get(n + 1)) {
                    (Some(Value::Object(last)), Some(next)) => !last.contains_key(*next),
                    _ => false,
                };
                if !goes_on {
                    items.push(Value::Null);
                }
                let last = items.len() - 1;
                slot = &mut items[last];
            } else {
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                let Value::Object(object) = slot else {
                    return Ok(());
                };
                slot = object.entry((*key).to_owned()).or_insert(Value::Null);
            }
        }
        *slot = value;
        Ok(())
    }
}

/// A flag as JSON or text; empty is absent. For `#[serde(default, deserialize_with = …)]`.
pub fn flag<'de, D: Deserializer<'de>>(input: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(input)? {
        Value::Null => None,
        Value::Bool(flag) => Some(flag),
        Value::Number(number) => Some(number.as_i64() != Some(0)),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "" => None,
            "0" | "f" | "false" | "off" | "no" => Some(false),
            _ => Some(true),
        },
        _ => return Err(serde::de::Error::custom("expected true or false")),
    })
}

/// A whole number as JSON or text; empty is absent.
pub fn integer<'de, D: Deserializer<'de>>(input: D) -> Result<Option<i64>, D::Error> {
    match Value::deserialize(input)? {
        Value::Null => Ok(None),
        Value::Number(number) => number
            .as_i64()
            .or_else(|| number.as_f64().map(|f| f as i64))
            .map(Some)
            .ok_or_else(|| serde::de::Error::custom("expected a whole number")),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => text.trim().parse().map(Some).map_err(|_| {
            serde::de::Error::custom(format!("expected a whole number, not {text:?}"))
        }),
        _ => Err(serde::de::Error::custom("expected a whole number")),
    }
}

/// The same where an empty value says something that an absent one does not.
pub fn present_integer<'de, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<Option<i64>>, D::Error> {
    integer(input).map(Some)
}

/// A text; numbers and flags are taken as written.
pub fn text<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(input)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => return Err(serde::de::Error::custom("expected a text")),
    })
}

/// A list of texts: a JSON list, one value alone, or an object with numbered keys.
pub fn texts<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    list::<D, Text>(input).map(|items| items.into_iter().map(|t| t.0).collect())
}

/// A list of ids: what is no number is an error.
pub fn ids<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<i64>, D::Error> {
    texts(input)?
        .into_iter()
        .filter(|text| !text.is_empty())
        .map(|text| text.parse())
        .collect::<Result<_, _>>()
        .map_err(|_| serde::de::Error::custom("expected ids"))
}

/// The same; `None` only with `#[serde(default)]`, where nothing is said.
pub fn ids_or_none<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Vec<i64>>, D::Error> {
    ids(input).map(Some)
}

/// A list of anything: a JSON list, one value alone, or an object with numbered keys.
pub fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(input: D) -> Result<Vec<T>, D::Error> {
    let items = match Value::deserialize(input)? {
        Value::Null => Vec::new(),
        Value::Array(items) => items,
        Value::Object(object)
            if !object.is_empty() && object.keys().all(|k| k.parse::<u32>().is_ok()) =>
        {
            let mut items: Vec<(u32, Value)> = object
                .into_iter()
                .map(|(key, value)| (key.parse().unwrap_or(u32::MAX), value))
                .collect();
            items.sort_by_key(|(key, _)| *key);
            items.into_iter().map(|(_, value)| value).collect()
        }
        one => vec![one],
    };
    items
        .into_iter()
        .map(|item| serde_json::from_value(item).map_err(serde::de::Error::custom))
        .collect()
}

struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Text, D::Error> {
        Ok(Text(text(input)?.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_nest_as_rails_reads_them() {
        let mut fields = Fields::default();
        for (name, value) in [
            ("status", "hi"),
            ("media_ids[]", "1"),
            ("media_ids[]", "2"),
            ("poll[options][]", "a"),
            ("poll[options][]", "b"),
            ("poll[expires_in]", "60"),
            ("fields[0][name]", "x"),
            ("odd]", "y"),
            ("k[][word]", "1"),
            ("k[][whole]", "true"),
            ("k[][word]", "2"),
        ] {
            fields.insert(name, value.into()).unwrap();
        }
        assert_eq!(
            Value::Object(fields.root),
            json!({
                "status": "hi",
                "media_ids": ["1", "2"],
                "poll": {"options": ["a", "b"], "expires_in": "60"},
                "fields": {"0": {"name": "x"}},
                "odd": "y",
                "k": [{"word": "1", "whole": "true"}, {"word": "2"}],
            })
        );
    }

    #[test]
    fn nesting_and_number_are_bounded() {
        let mut fields = Fields::default();
        assert!(fields.insert(&"a[b]".repeat(50), "x".into()).is_err());
        let mut fields = Fields::default();
        let all = (0..2000).try_for_each(|n| fields.insert(&n.to_string(), "x".into()));
        assert!(all.is_err());
    }

    #[test]
    fn texts_stand_for_numbers_and_flags() {
        #[derive(Deserialize)]
        struct T {
            #[serde(default, deserialize_with = "flag")]
            a: Option<bool>,
            #[serde(default, deserialize_with = "integer")]
            b: Option<i64>,
            #[serde(default, deserialize_with = "ids")]
            c: Vec<i64>,
        }
        let t: T =
            serde_json::from_value(json!({"a": "false", "b": "5", "c": {"0": "7"}})).unwrap();
        assert_eq!((t.a, t.b, t.c), (Some(false), Some(5), vec![7]));
        let t: T = serde_json::from_value(json!({"a": 1, "c": "9"})).unwrap();
        assert_eq!((t.a, t.b, t.c), (Some(true), None, vec![9]));
        assert!(serde_json::from_value::<T>(json!({"b": "x"})).is_err());
    }
}
