//! The one HTTP client for everything that a stranger can point us at: federation, previews,
//! push, remote media (threats S5, S6, S7). Services the operator configured do not come here.
//!
//! Addresses are checked when connecting, redirects are followed by hand and checked and signed
//! anew, and time, size and number of requests are bounded.

mod budget;
pub mod guard;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyper_util::client::legacy::connect::HttpInfo;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;
use tracing::field::Empty;
use url::Url;

use crate::traces::span;

pub use budget::{Budget, Exceeded, Limits};
pub use guard::{Guard, Refusal, is_public};

/// How long the body of an answer to a POST is waited for once its head has arrived. Hardly
/// anyone reads it, and a peer must not hold a delivery up with it.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// How a [`Client`] behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// `KITH_FEDERATION_ALLOW_PRIVATE`: also private addresses, plain http and any port.
    pub allow_private: bool,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// For name lookup, TCP and TLS together.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// How many unused connections are kept for each host.
    pub idle_per_host: usize,
    /// HTTP/1.1 alone: what asks to speak another protocol has to.
    pub http1_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow_private: false,
            user_agent: concat!("Kith/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            idle_per_host: 40,
            http1_only: false,
        }
    }
}

/// Makes the headers of one hop, usually its signature.
pub type Signer<'a> = &'a (dyn Fn(&Url) -> HeaderMap + Send + Sync);

/// Whether a URL may be asked at all.
pub type Admission<'a> = &'a (dyn Fn(&Url) -> bool + Send + Sync);

/// How a GET is made.
#[derive(Clone, Copy)]
pub struct GetOptions<'a> {
    /// The `Accept` header; left out when it is no valid header value.
    pub accept: &'a str,
    /// The largest body taken, in bytes, after decompression.
    pub max_bytes: u64,
    /// From the first request to the last byte, redirects included.
    pub timeout: Duration,
    /// How many redirects are followed.
    pub max_redirects: u32,
    /// Called for every hop with its URL.
    pub sign: Option<Signer<'a>>,
    /// Asked about every hop before it is made.
    pub admits: Option<Admission<'a>>,
}

impl Default for GetOptions<'_> {
    /// 1 MiB, 10 s, 3 redirects, unsigned, any host.
    fn default() -> Self {
        Self {
            accept: "*/*",
            max_bytes: 1024 * 1024,
            timeout: Duration::from_secs(10),
            max_redirects: 3,
            sign: None,
            admits: None,
        }
    }
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Response {
    /// Where it came from, after redirects.
    pub url: Url,
    /// The status.
    pub status: StatusCode,
    /// The headers. `Content-Length` and `Content-Encoding` are gone when the body was compressed.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URL, or one it redirects to, may not be fetched.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// The [`Budget`] is used up.
    #[error("over budget: {0}")]
    OverBudget(#[from] Exceeded),
    /// It took longer than allowed.
    #[error("timed out")]
    Timeout,
    /// No connection: name lookup, TCP or TLS failed.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The body is larger than allowed.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(u64),
    /// More redirects than allowed.
    #[error("too many redirects")]
    TooManyRedirects,
    /// The connection broke, or the peer does not speak HTTP.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// The downloaded bytes could not be written.
    #[error("cannot write: {0}")]
    Write(#[source] std::io::Error),
}

impl FetchError {
    /// The name of its kind.
    fn kind(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::OverBudget(_) => "over budget",
            Self::Timeout => "timeout",
            Self::Connect(_) => "connect",
            Self::TooLarge(_) => "too large",
            Self::TooManyRedirects => "too many redirects",
            Self::Protocol(_) => "protocol",
            Self::Write(_) => "write",
        }
    }

    fn from_reqwest(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            if let Some(refusal) = inner.downcast_ref::<Refusal>() {
                return Self::Refused(*refusal);
            }
            text.push_str(": ");
            text.push_str(&inner.to_string());
            source = inner.source();
        }
        if error.is_timeout() {
            Self::Timeout
        } else if error.is_connect() {
            Self::Connect(text)
        } else {
            Self::Protocol(text)
        }
    }
}

/// The guarded client. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    guard: Guard,
}

impl Client {
    /// Builds the client; fails when TLS cannot be set up, as without root certificates.
    pub fn new(options: &Options) -> Result<Self, FetchError> {
        Self::with_guard(options, Guard::new(options.allow_private))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one guarded client")]
    fn with_guard(options: &Options, guard: Guard) -> Result<Self, FetchError> {
        let mut http = reqwest::Client::builder();
        if options.http1_only {
            http = http.http1_only();
        }
        let http = http
            .user_agent(&options.user_agent)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(options.idle_timeout)
            .pool_max_idle_per_host(options.idle_per_host)
            .http2_max_header_list_size(64 * 1024)
            .dns_resolver(guard::GuardedResolver::new(guard.clone()))
            .build()
            .map_err(FetchError::from_reqwest)?;
        Ok(Self { http, guard })
    }

    /// GETs a document whole.
    pub async fn get(
        &self,
        url: &Url,
        options: &GetOptions<'_>,
        budget: &Budget,
    ) -> Result<Response, FetchError> {
        let mut download = self.get_stream(url, options, budget).await?;
        let mut body = BytesMut::new();
        while let Some(chunk) = download.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            body: body.freeze(),
            url: download.url,
            status: download.status,
            headers: download.headers,
        })
    }

    /// GETs something large: the answer's head, with the body to be read bit by bit under the
    /// same limits.
    pub async fn get_stream(
        &self,
        url: &Url,
        options: &GetOptions<'_>,
        budget: &Budget,
    ) -> Result<Download, FetchError> {
        let deadline = Deadline::new(options.timeout, budget);
        let mut url = url.clone();
        for _ in 0..=options.max_redirects {
            // A fragment is no part of the request, and none of what was answered.
            url.set_fragment(None);
            self.guard.check(&url)?;
            if options.admits.is_some_and(|admits| !admits(&url)) {
                return Err(Refusal::Policy.into());
            }
            budget.take_request()?;
            let mut headers = options.sign.map(|sign| sign(&url)).unwrap_or_default();
            if let Ok(accept) = HeaderValue::from_str(options.accept) {
                headers.insert(ACCEPT, accept);
            }
            let answer = deadline
                .limit(self.send(Method::GET, &url, headers, None))
                .await?;
            if let Some(next) = redirect(&url, &answer) {
                url = next?;
                continue;
            }
            if answer
                .content_length()
                .is_some_and(|l| l > options.max_bytes)
            {
                return Err(FetchError::TooLarge(options.max_bytes));
            }
            return Ok(Download {
                url,
                status: answer.status(),
                headers: answer.headers().clone(),
                answer,
                received: 0,
                max_bytes: options.max_bytes,
                deadline,
                budget: budget.clone(),
            });
        }
        Err(FetchError::TooManyRedirects)
    }

    /// POSTs, following no redirects. The answer's body is cut off after `max_answer_bytes`, and
    /// whatever happens once its head has arrived does not turn it into an error: the peer has
    /// taken or refused the request by then.
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
        max_answer_bytes: usize,
    ) -> Result<Response, FetchError> {
        self.guard.check(url)?;
        let deadline = Instant::now() + timeout;
        let sent = self.send(Method::POST, url, headers, Some(body));
        let mut answer = timeout_at(deadline, sent)
            .await
            .map_err(|_| FetchError::Timeout)??;
        let mut received = BytesMut::new();
        let reading = async {
            while received.len() < max_answer_bytes {
                let Ok(Some(chunk)) = answer.chunk().await else {
                    break;
                };
                let room = max_answer_bytes - received.len();
                received.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
        };
        let _ = timeout_at(deadline.min(Instant::now() + ANSWER_TIME), reading).await;
        Ok(Response {
            url: url.clone(),
            status: answer.status(),
            headers: answer.headers().clone(),
            body: received.freeze(),
        })
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        mut headers: HeaderMap,
        body: Option<Bytes>,
    ) -> Result<reqwest::Response, FetchError> {
        // The connection decides on these; HTTP/2 has no `Host`, and HTTP/1.1 gets the URL's,
        // which is the one that is signed.
        for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING] {
            headers.remove(name);
        }
        // Of whom, but not for what: paths may tell of people.
        let span = span!(
            "request",
            otel.kind = "client",
            otel.name = method.as_str(),
            http.request.method = method.as_str(),
            server.address = url.host_str(),
            http.response.status_code = Empty,
            error.kind = Empty,
            otel.status_code = Empty,
        );
        let mut request = self.http.request(method, url.clone());
        if let Some(body) = body {
            if !headers.contains_key(CONTENT_TYPE) {
                let binary = HeaderValue::from_static("application/octet-stream");
                headers.insert(CONTENT_TYPE, binary);
            }
            request = request.body(body);
        }
        let sent = request
            .headers(headers)
            .send()
            .instrument(span.clone())
            .await
            .map_err(FetchError::from_reqwest);
        match &sent {
            Ok(answer) => {
                span.record("http.response.status_code", answer.status().as_u16());
            }
            Err(error) => {
                span.record("error.kind", error.kind());
                span.record("otel.status_code", "ERROR");
            }
        }
        sent
    }
}

/// Where an answer redirects to, if it does.
fn redirect(url: &Url, answer: &reqwest::Response) -> Option<Result<Url, FetchError>> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = answer.headers().get(LOCATION)?;
    let next = location.to_str().ok().and_then(|l| url.join(l).ok());
    Some(next.ok_or_else(|| FetchError::Protocol("the redirect leads nowhere".into())))
}

/// The sooner of a fetch's own end and the budget's.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    at: Instant,
    /// Whether it is the budget's.
    of_budget: bool,
}

impl Deadline {
    fn new(timeout: Duration, budget: &Budget) -> Self {
        let own = Instant::now().checked_add(timeout);
        match own.filter(|own| *own < budget.deadline()) {
            Some(at) => Self {
                at,
                of_budget: false,
            },
            None => Self {
                at: budget.deadline(),
                of_budget: true,
            },
        }
    }

    async fn limit<T>(
        &self,
        work: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, FetchError> {
        match timeout_at(self.at, work).await {
            Ok(result) => result,
            Err(_) if self.of_budget => Err(Exceeded::Time.into()),
            Err(_) => Err(FetchError::Timeout),
        }
    }
}

/// An answer whose body is still arriving.
#[derive(Debug)]
pub struct Download {
    /// Where it comes from, after redirects.
    pub url: Url,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    answer: reqwest::Response,
    received: u64,
    max_bytes: u64,
    deadline: Deadline,
    budget: Budget,
}

impl Download {
    /// The next bytes, or `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        let next = async { self.answer.chunk().await.map_err(FetchError::from_reqwest) };
        let Some(chunk) = self.deadline.limit(next).await? else {
            return Ok(None);
        };
        let size = chunk.len() as u64;
        self.received = self.received.saturating_add(size);
        if self.received > self.max_bytes {
            return Err(FetchError::TooLarge(self.max_bytes));
        }
        self.budget.take_bytes(size)?;
        Ok(Some(chunk))
    }

    /// The address of this end of its connection.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        let about = self.answer.extensions().get::<HttpInfo>()?;
        Some(about.local_addr())
    }

    /// Writes the rest of the body and flushes; returns the number of bytes received in all.
    pub async fn copy_to(
        &mut self,
        writer: &mut (impl AsyncWrite + Unpin + ?Sized),
    ) -> Result<u64, FetchError> {
        while let Some(chunk) = self.chunk().await? {
            writer.write_all(&chunk).await.map_err(FetchError::Write)?;
        }
        writer.flush().await.map_err(FetchError::Write)?;
        Ok(self.received)
    }
}
