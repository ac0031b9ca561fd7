//! Who may write to whom.

use crate::db::accounts::Account;
use crate::db::chats;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};

/// How a message is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// As a request, which the other accepts or declines.
    Request,
}

/// Whether messages reach an account's server as messages of a chat; else they are direct posts.
pub fn accepts_chat(account: &Account) -> bool {
    account.is_local()
        || serde_json::from_str::<serde_json::Value>(&account.endpoints)
            .is_ok_and(|endpoints| endpoints["acceptsChatMessages"] == true)
}

/// Whether `from` may write to `to`, who stands to their chat like that. 404 for who is gone, 403
/// for who does not want it. Of people elsewhere, their server decides.
pub async fn judge(tx: &mut Conn, from: &Account, to: &Account, state: i16) -> AppResult<Verdict> {
    if !to.is_active() {
        return Err(AppError::not_found());
    }
    let refused = || Err(AppError::forbidden("This action is not allowed"));
    for (one, other) in [(to, from), (from, to)] {
        if db::relations::block(tx, one.id, other.id).await?.is_some() {
            return refused();
        }
        if one.is_local()
            && !other.is_local()
            && db::personal::blocks_domain(tx, one.id, &other.domain).await?
        {
            return refused();
        }
    }
    if !to.is_local() {
        return Ok(Verdict::Allowed);
    }
    let settings = db::users::chat_settings(tx, &[to.id])
        .await?
        .pop()
        .ok_or_else(AppError::not_found)?;
    if state == chats::ACCEPTED {
        return Ok(Verdict::Allowed);
    }
    let follows = settings.chat_policy == "anyone"
        || db::relations::follow(tx, from.id, to.id).await?.is_some();
    let welcome = match settings.chat_policy.as_str() {
        "anyone" | "followers" => follows,
        _ => follows && db::relations::follow(tx, to.id, from.id).await?.is_some(),
    };
    if welcome {
        return Ok(Verdict::Allowed);
    }
    if settings.message_requests && state != chats::DECLINED {
        return Ok(Verdict::Request);
    }
    Err(AppError::forbidden(
        "This person does not take messages from you",
    ))
}
