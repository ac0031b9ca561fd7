//! Pages of lists: `max_id`, `since_id`, `min_id`, `limit`, and the Link header.

use axum::extract::FromRequestParts;
use http::header::{HeaderMap, HeaderValue, LINK};
use http::request::Parts;

use crate::app::App;
use crate::db::relations::Page;
use crate::error::{AppError, AppResult};

/// What a request asks for of a list, with the request's own path and query for the links.
#[derive(Debug, Clone)]
pub struct Paging {
    max_id: Option<i64>,
    since_id: Option<i64>,
    min_id: Option<i64>,
    limit: Option<i64>,
    offset: i64,
    score: Option<i64>,
    base: String,
}

impl FromRequestParts<App> for Paging {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> AppResult<Paging> {
        let query = parts.uri.query().unwrap_or_default();
        let mut paging = Paging {
            max_id: None,
            since_id: None,
            min_id: None,
            limit: None,
            offset: 0,
            score: None,
            base: String::new(),
        };
        let mut kept = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "max_id" => paging.max_id = id(&value)?,
                "since_id" => paging.since_id = id(&value)?,
                "min_id" => paging.min_id = id(&value)?,
                "limit" => paging.limit = value.parse().ok(),
                "offset" => paging.offset = value.parse().unwrap_or(0).clamp(0, 10_000),
                "score" => paging.score = value.parse().ok(),
                "access_token" => {}
                _ => {
                    kept.append_pair(&name, &value);
                }
            }
        }
        if let Some(limit) = paging.limit {
            kept.append_pair("limit", &limit.to_string());
        }
        let kept = kept.finish();
        let separator = if kept.is_empty() { "" } else { "&" };
        paging.base = app
            .config
            .url(&format!("{}?{kept}{separator}", parts.uri.path()));
        Ok(paging)
    }
}

/// An id in a query: empty is absent, anything but a number is an error.
fn id(text: &str) -> AppResult<Option<i64>> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<i64>() {
        Ok(id) => Ok(Some(id)),
        // Larger than any id there is: the end of the list, as a number of that size would be.
        Err(e) if *e.kind() == std::num::IntErrorKind::PosOverflow => Ok(Some(i64::MAX)),
        Err(_) => Err(AppError::bad_request("Invalid id in the query")),
    }
}

impl Paging {
    /// The page to read, at most `max` items, `default` where the client does not say.
    pub fn page(&self, default: i64, max: i64) -> Page {
        Page {
            max_id: self.max_id,
            since_id: self.since_id,
            min_id: self.min_id,
            limit: self.limit.unwrap_or(default).clamp(1, max),
        }
    }

    /// Whether everything is wanted at once (`limit=0`), where a list offers that.
    pub fn wants_all(&self) -> bool {
        self.limit == Some(0)
    }

    /// For lists that go by `offset`.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// For lists in the order of a score: that of the item whose id is given.
    pub fn score(&self) -> Option<i64> {
        self.score
    }

    /// The Link header of the pages that some queries lead to.
    pub fn links_to(&self, next: Option<String>, previous: Option<String>) -> HeaderMap {
        let links = [(next, "next"), (previous, "prev")];
        let links = links.into_iter().filter_map(|(query, rel)| {
            let query = query?;
            Some(format!("<{}{query}>; rel=\"{rel}\"", self.base))
        });
        link_header(&links.collect::<Vec<_>>())
    }

    /// Whether it is the plain newest page.
    pub fn is_first(&self) -> bool {
        self.max_id.is_none() && self.since_id.is_none() && self.min_id.is_none()
    }

    /// The Link header of a list that goes by `offset`, of which `found` items came.
    pub fn offset_links(&self, limit: i64, found: usize) -> HeaderMap {
        let mut links = Vec::new();
        if found as i64 >= limit {
            let next = self.offset + limit;
            links.push(format!("<{}offset={next}>; rel=\"next\"", self.base));
        }
        if self.offset > 0 {
            let previous = (self.offset - limit).max(0);
            links.push(format!("<{}offset={previous}>; rel=\"prev\"", self.base));
        }
        link_header(&links)
    }

    /// The Link header for what was found, by the ids of its first (newest) and last item.
    /// `full`: as many came as were asked for, so that there may be more.
    pub fn links(&self, newest: Option<i64>, oldest: Option<i64>, full: bool) -> HeaderMap {
        let mut links = Vec::new();
        if let Some(oldest) = oldest.filter(|_| full || self.min_id.is_some()) {
            links.push(format!("<{}max_id={oldest}>; rel=\"next\"", self.base));
        }
        if let Some(newest) = newest {
            links.push(format!("<{}min_id={newest}>; rel=\"prev\"", self.base));
        }
        link_header(&links)
    }
}

fn link_header(links: &[String]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&links.join(", "))
        && !links.is_empty()
    {
        headers.insert(LINK, value);
    }
    headers
}

/// An id in a path: what is no number names nothing.
pub fn path_id(text: &str) -> AppResult<i64> {
    text.parse().map_err(|_| AppError::not_found())
}
