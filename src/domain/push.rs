//! Web Push: who subscribed to which notifications.

use super::Ctx;
use super::jobs::{self, Job};
use super::notifications::Type;
use crate::db::accounts::Account;
use crate::db::notifications::Notification;
use crate::db::push::Subscription;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};

/// Longest address of a push service.
const MAX_ENDPOINT: usize = 2000;

/// Whose notifications are pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    All,
    /// Of those the user follows.
    Followed,
    /// Of those who follow the user.
    Follower,
    None,
}

impl Policy {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Policy::All => "all",
            Policy::Followed => "followed",
            Policy::Follower => "follower",
            Policy::None => "none",
        }
    }

    /// The policy of a name.
    pub fn parse(text: &str) -> Option<Policy> {
        Some(match text {
            "all" => Policy::All,
            "followed" => Policy::Followed,
            "follower" => Policy::Follower,
            "none" => Policy::None,
            _ => return None,
        })
    }
}

/// What a subscription is made of; addresses and keys have been checked.
#[derive(Debug, Clone)]
pub struct Wish {
    pub endpoint: String,
    pub p256dh: String,
    pub auth: String,
    pub standard: bool,
    pub alerts: Vec<Type>,
    pub policy: Policy,
}

fn names(alerts: &[Type]) -> String {
    let names: Vec<&str> = alerts.iter().map(|kind| kind.as_str()).collect();
    names.join(" ")
}

/// Subscribes an access token, in the place of what it had.
pub async fn subscribe(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    token_id: i64,
    wish: Wish,
) -> AppResult<Subscription> {
    if wish.endpoint.len() > MAX_ENDPOINT {
        return Err(AppError::invalid("Validation failed: Endpoint is too long"));
    }
    let now = ctx.now();
    let row = Subscription {
        id: ctx.ids.next(),
        token_id,
        account_id,
        endpoint: wish.endpoint,
        p256dh: wish.p256dh,
        auth: wish.auth,
        standard: wish.standard,
        alerts: names(&wish.alerts),
        policy: wish.policy.as_str().to_owned(),
        created_at: now,
        updated_at: now,
    };
    db::push::set(tx, &row).await?;
    Ok(row)
}

/// Changes what the subscription of a token wants.
pub async fn change(
    tx: &mut Conn,
    ctx: &Ctx,
    token_id: i64,
    alerts: Option<Vec<Type>>,
    policy: Option<Policy>,
) -> AppResult<Subscription> {
    let mut row = db::push::of_token(tx, token_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if let Some(alerts) = alerts {
        row.alerts = names(&alerts);
    }
    if let Some(policy) = policy {
        policy.as_str().clone_into(&mut row.policy);
    }
    row.updated_at = ctx.now();
    db::push::update(tx, &row).await?;
    Ok(row)
}

/// Puts a message into the queue for each subscription that wants a notification.
pub(super) async fn announce(
    tx: &mut Conn,
    ctx: &Ctx,
    from: &Account,
    row: &Notification,
) -> AppResult<()> {
    for subscription in db::push::of_account(tx, row.account_id, ctx.now()).await? {
        if !subscription.wants(&row.kind) {
            continue;
        }
        let (reader, sender) = (row.account_id, from.id);
        let wanted = match Policy::parse(&subscription.policy).unwrap_or(Policy::All) {
            Policy::All => true,
            Policy::None => false,
            Policy::Followed => db::relations::follow(tx, reader, sender).await?.is_some(),
            Policy::Follower => db::relations::follow(tx, sender, reader).await?.is_some(),
        };
        if wanted {
            let job = Job::Push {
                subscription_id: subscription.id,
                notification_id: row.id,
            };
            jobs::enqueue(tx, ctx, &job).await?;
        }
    }
    Ok(())
}
