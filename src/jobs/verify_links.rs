//! Asks the pages that a profile's fields lead to whether they link back
//! (microformats.org/wiki/rel-me; Mastodon documentation, "Link verification").

use std::time::Duration;

use http::header::CONTENT_TYPE;
use url::Url;

use super::JobError;
use crate::app::App;
use crate::client::{Budget, FetchError, GetOptions, Limits};
use crate::db;
use crate::db::accounts::Account;
use crate::domain::profiles;
use crate::domain::settings::Settings;
use crate::text::rel_me_links;

/// For all fields of one profile together.
const LIMITS: Limits = Limits {
    requests: 16,
    bytes: 6 << 20,
    depth: 0,
    time: Duration::from_secs(60),
};
/// Of one page.
const MAX_BYTES: u64 = 1 << 20;
/// How often a page that does not answer is asked.
const ATTEMPTS: i64 = 5;

/// Looks at the fields of a local account that are not verified yet.
pub async fn run(app: &App, account_id: i64, attempts: i64) -> Result<(), JobError> {
    let (account, settings) = app
        .read(move |c| {
            Box::pin(async move {
                let account = db::accounts::by_id(c, account_id).await?;
                Ok((account, Settings::load(c, account_id).await?))
            })
        })
        .await
        .map_err(JobError::retry)?;
    let Some(account) = account.filter(Account::is_active) else {
        return Ok(());
    };
    let budget = Budget::new(LIMITS);
    let mut found = Vec::new();
    let mut silent = None;
    for url in profiles::to_verify(&settings) {
        match links_back(app, &account, &url, &budget).await {
            Ok(true) => found.push(url),
            Ok(false) => {}
            Err(error) => {
                tracing::debug!(%url, %error, "cannot look for a link back");
                if may_pass(&error) {
                    silent = Some(error);
                }
            }
        }
    }
    if !found.is_empty() {
        let ctx = app.ctx.clone();
        app.write(move |tx| {
            Box::pin(async move { profiles::verified(tx, &ctx, account_id, &found).await })
        })
        .await
        .map_err(JobError::retry)?;
    }
    match silent {
        Some(error) if attempts < ATTEMPTS => Err(JobError::retry(error)),
        _ => Ok(()),
    }
}

fn may_pass(error: &FetchError) -> bool {
    matches!(
        error,
        FetchError::Timeout | FetchError::Connect(_) | FetchError::Protocol(_)
    )
}

/// Whether the page at a URL links to the account's page or id with `rel="me"`.
async fn links_back(
    app: &App,
    account: &Account,
    url: &Url,
    budget: &Budget,
) -> Result<bool, FetchError> {
    let options = GetOptions {
        accept: "text/html, application/xhtml+xml;q=0.9",
        max_bytes: MAX_BYTES,
        ..GetOptions::default()
    };
    let page = app.client.get(url, &options, budget).await?;
    if page.status.is_server_error() {
        return Err(FetchError::Protocol(format!("status {}", page.status)));
    }
    let html = page
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|mime| mime.contains("html"));
    if !page.status.is_success() || !html {
        return Ok(false);
    }
    let targets: Vec<Url> = [&account.url, &account.uri]
        .into_iter()
        .filter_map(|url| Url::parse(url).ok())
        .collect();
    let text = String::from_utf8_lossy(&page.body);
    Ok(rel_me_links(&text)
        .iter()
        .filter_map(|link| page.url.join(link).ok())
        .any(|mut link| {
            link.set_fragment(None);
            targets.iter().any(|target| same_page(target, &link))
        }))
}

/// Names are the same in any case, as they are on profiles.
fn same_page(target: &Url, link: &Url) -> bool {
    let plain = |url: &Url| url.as_str().trim_end_matches('/').to_ascii_lowercase();
    plain(target) == plain(link)
}
