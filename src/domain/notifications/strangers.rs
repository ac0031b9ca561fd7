//! What looks like spam of somebody nobody here knows: it is held, as a notification request, not
//! dropped, so that whoever it is for decides.

use crate::clock::DAY;
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::ids::Ids;
use crate::text::links;

/// The setting that says for how many days a sender counts as unknown; 0: never.
const SETTING: &str = "hold_unknown_senders";
/// How many where it does not say.
const USUAL: i64 = 7;
/// The most.
pub const MAX_DAYS: i64 = 365;

/// Days of a setting's text.
pub fn parse_days(text: &str) -> Option<i64> {
    text.parse()
        .ok()
        .filter(|days| (0..=MAX_DAYS).contains(days))
}

/// Whether a link leads to the reader: not all servers mark mentions as such.
fn own(to: &Account, url: &str) -> bool {
    [&to.url, &to.uri].iter().any(|own| *own == url)
}

/// Whether a mention is to be held: its sender is from elsewhere, came to be known here a few days ago,
/// is followed by nobody here, answers nothing that the reader wrote, and links to something. What
/// is cheap to know is asked first.
pub(super) async fn looks_like_spam(
    conn: &mut Conn,
    to: &Account,
    from: &Account,
    status_id: Option<i64>,
    now: i64,
) -> AppResult<bool> {
    let seen = Ids::time_of(from.id);
    let Some(status_id) = status_id.filter(|_| !from.is_local() && seen > now - MAX_DAYS * DAY)
    else {
        return Ok(false);
    };
    let days = db::policies::setting(conn, SETTING).await?;
    let days = days.as_deref().and_then(parse_days).unwrap_or(USUAL);
    if seen <= now - days * DAY {
        return Ok(false);
    }
    let Some(status) = db::statuses::by_id(conn, status_id).await? else {
        return Ok(false);
    };
    Ok(status.in_reply_to_account_id != Some(to.id)
        && links::first(&status.content, |url| own(to, url)).is_some()
        && !db::relations::followed_locally(conn, from.id).await?)
}
