//! Friends: asking, accepting, refusing, withdrawing, parting.
//!
//! Friends are two who follow each other, however that came about; nothing but the follows says
//! so. A request is a follow that says what it is for, and stands beside it: it is accepted when
//! the follow is returned, cancelled when the follow is taken back, rejected when it is refused.
//! So the two stay in step whichever API or software changes the follow.

use super::Ctx;
use super::accounts::INSTANCE_ACTOR;
use super::follows;
use super::notifications::{self, Subject, Type};
use crate::db::accounts::Account;
use crate::db::friends::FriendRequest;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Requests of one account that may wait for an answer at a time.
pub const MAX_PENDING: i64 = 500;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending,
    Accepted,
    Rejected,
    Cancelled,
}

impl State {
    /// As the API and the database name it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Accepted => "accepted",
            State::Rejected => "rejected",
            State::Cancelled => "cancelled",
        }
    }

    /// The state of a name.
    pub fn parse(text: &str) -> Option<State> {
        Some(match text {
            "pending" => State::Pending,
            "accepted" => State::Accepted,
            "rejected" => State::Rejected,
            "cancelled" => State::Cancelled,
            _ => return None,
        })
    }
}

fn is_pending(row: &FriendRequest) -> bool {
    row.status == State::Pending.as_str()
}

/// The request of `asker` to `target` that waits for an answer, if there is one.
async fn pending(tx: &mut Conn, asker: i64, target: i64) -> AppResult<Option<FriendRequest>> {
    let row = db::friends::request(tx, asker, target).await?;
    Ok(row.filter(is_pending))
}

/// Whether two follow each other.
pub async fn are_friends(tx: &mut Conn, a: i64, b: i64) -> AppResult<bool> {
    Ok(db::relations::follow(tx, a, b).await?.is_some()
        && db::relations::follow(tx, b, a).await?.is_some())
}

/// `asker` asks `target` to be friends. Asked again, the request that waits is given back; where
/// `target` has asked `asker`, or follows it already and is open, they are friends at once.
/// `uri` is the Follow's id when it came from elsewhere. `None`: there was nothing to ask.
pub async fn ask(
    tx: &mut Conn,
    ctx: &Ctx,
    asker: &Account,
    target: &Account,
    uri: Option<String>,
) -> AppResult<Option<FriendRequest>> {
    let options = follows::Options {
        uri,
        friend_request: true,
        ..follows::Options::default()
    };
    if asker.id == target.id {
        return Err(AppError::forbidden("This action is not allowed")
            .describe("You cannot be your own friend"));
    }
    if target.is_local() && target.username == INSTANCE_ACTOR {
        return Err(AppError::not_found());
    }
    if asker.is_local() {
        db::relations::lock_pair(tx, asker.id, target.id).await?;
    }
    let friends = are_friends(tx, asker.id, target.id).await?;
    if friends && asker.is_local() {
        return Err(AppError::invalid(
            "Validation failed: You are friends already",
        ));
    }
    let known = pending(tx, asker.id, target.id).await?;
    if let Some(known) = &known
        && asker.is_local()
    {
        return Ok(Some(known.clone()));
    }
    // Of a follow from elsewhere that is refused, or of friends, nothing is kept.
    if friends || follows::blocked(tx, asker, target).await? {
        follows::follow(tx, ctx, asker, target, options).await?;
        return Ok(None);
    }
    let row = match known {
        Some(known) => known,
        None => add(tx, ctx, asker, target).await?,
    };
    follows::follow(tx, ctx, asker, target, options).await?;
    let crossing = pending(tx, target.id, asker.id).await?;
    if asker.is_local() {
        // Who asks wants to be followed, and has accepted whoever asked before.
        admit(tx, ctx, asker, target).await?;
        if let Some(crossing) = &crossing {
            decide(tx, ctx, crossing, State::Accepted).await?;
        }
    }
    let row = db::friends::by_id(tx, row.id).await?;
    if let Some(row) = row.as_ref().filter(|row| is_pending(row))
        && crossing.is_none()
    {
        let subject = Subject::Other(row.id);
        notifications::notify(tx, ctx, target, asker, Type::FriendRequest, subject).await?;
    }
    Ok(row)
}

async fn add(
    tx: &mut Conn,
    ctx: &Ctx,
    asker: &Account,
    target: &Account,
) -> AppResult<FriendRequest> {
    let status = State::Pending.as_str();
    if asker.is_local()
        && db::friends::count(tx, asker.id, status, MAX_PENDING).await? >= MAX_PENDING
    {
        return Err(AppError::invalid(format!(
            "Validation failed: No more than {MAX_PENDING} friend requests can wait for an answer"
        )));
    }
    // The one it takes the place of is of interest to nobody.
    if let Some(old) = db::friends::request(tx, asker.id, target.id).await? {
        forget_notices(tx, asker, target, old.id).await?;
    }
    let row = FriendRequest {
        id: ctx.ids.next(),
        account_id: asker.id,
        target_id: target.id,
        status: status.to_owned(),
        created_at: ctx.now(),
        decided_at: None,
    };
    db::friends::put(tx, &row).await?;
    changed(tx, &row);
    Ok(row)
}

async fn forget_notices(
    tx: &mut Conn,
    asker: &Account,
    target: &Account,
    id: i64,
) -> AppResult<()> {
    notifications::retract_about(tx, target, asker, Type::FriendRequest, id).await?;
    notifications::retract_about(tx, asker, target, Type::FriendAccepted, id).await
}

/// Both sides hear of what became of a request.
fn changed(tx: &mut Conn, row: &FriendRequest) {
    for account in [row.account_id, row.target_id] {
        tx.emit(Event::to(account, Kind::FriendRequestChanged, row.id));
    }
}

async fn decide(tx: &mut Conn, ctx: &Ctx, row: &FriendRequest, state: State) -> AppResult<bool> {
    let pending = State::Pending.as_str();
    let decided = db::friends::decide(tx, row.id, pending, state.as_str(), ctx.now()).await?;
    if decided {
        changed(tx, row);
    }
    Ok(decided)
}

/// What the deciding of a request by its id is about: the request, and the other one.
async fn found(
    tx: &mut Conn,
    id: i64,
    of: impl Fn(&FriendRequest) -> (i64, i64),
    who: &Account,
) -> AppResult<(FriendRequest, Account)> {
    let own = |row: Option<FriendRequest>| {
        row.filter(|row| of(row).0 == who.id)
            .ok_or_else(AppError::not_found)
    };
    let row = own(db::friends::by_id(tx, id).await?)?;
    db::relations::lock_pair(tx, row.account_id, row.target_id).await?;
    let row = own(db::friends::by_id(tx, id).await?)?;
    let other = db::accounts::by_id(tx, of(&row).1)
        .await?
        .filter(Account::is_active)
        .ok_or_else(AppError::not_found)?;
    Ok((row, other))
}

fn decided_already() -> AppError {
    AppError::invalid("Validation failed: The friend request has been decided already")
}

/// `target` accepts the request of that id: the follow that asked stands, and is returned. What
/// is accepted already stays so.
pub async fn accept(
    tx: &mut Conn,
    ctx: &Ctx,
    target: &Account,
    id: i64,
) -> AppResult<FriendRequest> {
    let incoming = |row: &FriendRequest| (row.target_id, row.account_id);
    let (row, asker) = found(tx, id, incoming, target).await?;
    if row.status == State::Accepted.as_str() {
        return Ok(row);
    }
    if !is_pending(&row) {
        return Err(decided_already());
    }
    grant(tx, ctx, target, &asker, &row).await?;
    again(tx, id).await
}

/// `target` says yes to a request that waits.
async fn grant(
    tx: &mut Conn,
    ctx: &Ctx,
    target: &Account,
    asker: &Account,
    row: &FriendRequest,
) -> AppResult<()> {
    admit(tx, ctx, target, asker).await?;
    follows::follow(tx, ctx, target, asker, follows::Options::default()).await?;
    // Of an asker elsewhere the follow is not returned before its server says so.
    decide(tx, ctx, row, State::Accepted).await?;
    Ok(())
}

/// Accepts the request of `follower` to follow `account`, where there is one.
async fn admit(tx: &mut Conn, ctx: &Ctx, account: &Account, follower: &Account) -> AppResult<()> {
    let asked = db::relations::request(tx, follower.id, account.id).await?;
    match asked {
        Some(_) => follows::accept(tx, ctx, account, follower).await,
        None => Ok(()),
    }
}

async fn again(tx: &mut Conn, id: i64) -> AppResult<FriendRequest> {
    db::friends::by_id(tx, id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// `target` refuses the request of that id, and with it the follow.
pub async fn reject(
    tx: &mut Conn,
    ctx: &Ctx,
    target: &Account,
    id: i64,
) -> AppResult<FriendRequest> {
    let incoming = |row: &FriendRequest| (row.target_id, row.account_id);
    let (row, asker) = found(tx, id, incoming, target).await?;
    if row.status == State::Rejected.as_str() {
        return Ok(row);
    }
    if !is_pending(&row) {
        return Err(decided_already());
    }
    follows::reject(tx, ctx, target, &asker).await?;
    again(tx, id).await
}

/// `asker` takes back the request of that id, and with it the follow.
pub async fn cancel(
    tx: &mut Conn,
    ctx: &Ctx,
    asker: &Account,
    id: i64,
) -> AppResult<FriendRequest> {
    let outgoing = |row: &FriendRequest| (row.account_id, row.target_id);
    let (row, target) = found(tx, id, outgoing, asker).await?;
    if row.status == State::Cancelled.as_str() {
        return Ok(row);
    }
    if !is_pending(&row) {
        return Err(decided_already());
    }
    follows::unfollow(tx, ctx, asker, &target).await?;
    again(tx, id).await
}

/// `account` parts from a friend: both follows end.
pub async fn part(tx: &mut Conn, ctx: &Ctx, account: &Account, friend: &Account) -> AppResult<()> {
    db::relations::lock_pair(tx, account.id, friend.id).await?;
    if !are_friends(tx, account.id, friend.id).await? {
        return Err(AppError::not_found());
    }
    follows::unfollow(tx, ctx, account, friend).await?;
    follows::reject(tx, ctx, account, friend).await
}

/// Whether `target`, who is to be followed by `follower`, asked it to be friends: then it has
/// said yes beforehand.
pub(super) async fn has_asked(
    tx: &mut Conn,
    target: &Account,
    follower: &Account,
) -> AppResult<bool> {
    Ok(pending(tx, target.id, follower.id).await?.is_some())
}

/// A follow stands: where it makes two friends, the requests between them are accepted, and
/// whoever asked is told.
pub(super) async fn followed(
    tx: &mut Conn,
    ctx: &Ctx,
    follower: &Account,
    target: &Account,
) -> AppResult<()> {
    if db::relations::follow(tx, target.id, follower.id)
        .await?
        .is_none()
    {
        // Whom it asked may have asked to follow it meanwhile, and is admitted.
        if follower.is_local() && has_asked(tx, follower, target).await? {
            Box::pin(admit(tx, ctx, follower, target)).await?;
        }
        return Ok(());
    }
    for (asker, asked) in [(target, follower), (follower, target)] {
        let Some(row) = pending(tx, asker.id, asked.id).await? else {
            continue;
        };
        if decide(tx, ctx, &row, State::Accepted).await? {
            let subject = Subject::Other(row.id);
            notifications::notify(tx, ctx, asker, asked, Type::FriendAccepted, subject).await?;
        }
    }
    Ok(())
}

/// A follow, or the request for one, ended: so does the friend request it stood for.
pub(super) async fn ended(
    tx: &mut Conn,
    ctx: &Ctx,
    follower: &Account,
    target: &Account,
    how: follows::End,
) -> AppResult<()> {
    let Some(row) = pending(tx, follower.id, target.id).await? else {
        return Ok(());
    };
    let state = match how {
        follows::End::Withdrawn => State::Cancelled,
        follows::End::Refused => State::Rejected,
    };
    if decide(tx, ctx, &row, state).await? {
        notifications::retract_about(tx, target, follower, Type::FriendRequest, row.id).await?;
    }
    Ok(())
}
