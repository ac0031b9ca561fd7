//! Users: who may sign in here, and in what standing.

use super::accounts::{self, KeyPair};
use super::codes::{self, Purpose};
use super::mail::{self, Letter};
use super::{Ctx, email_blocks, invites, moderation, self_destruct, sign_in, username_blocks};
use crate::config::Registration;
use crate::db::accounts::Account;
use crate::db::users::User;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::passwords;
use crate::text::names;

/// Longest reason for joining, in characters.
const MAX_REASON: usize = 1000;

/// What a user may do beyond using their account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    User,
    Moderator,
    Admin,
}

impl Role {
    /// As the database and the command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Moderator => "moderator",
            Role::Admin => "admin",
        }
    }

    /// Reads [`Role::as_str`].
    pub fn parse(text: &str) -> Option<Role> {
        [Role::User, Role::Moderator, Role::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
    }
}

/// Something about a registration that will not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// The parameter.
    pub field: &'static str,
    /// As the Mastodon documentation names it (methods/accounts, "Register an account").
    pub code: &'static str,
    pub text: &'static str,
}

/// What someone wants to register with.
#[derive(Debug, Clone)]
pub struct Registering {
    pub username: String,
    pub email: String,
    /// PHC string of the password, made before the transaction.
    pub password_hash: String,
    /// Made before the transaction.
    pub keys: KeyPair,
    pub locale: String,
    pub reason: String,
    /// The code of an invitation; empty without.
    pub invite: String,
    /// The address it comes from; empty where it is not known.
    pub ip: String,
    /// The app that it comes by.
    pub app_id: Option<i64>,
    /// Whether it waits for approval in any case.
    pub doubtful: bool,
}

/// How a registration went.
#[derive(Debug)]
pub enum Registered {
    /// There is a user now.
    Done(Box<(Account, User)>),
    Refused(Vec<Problem>),
}

/// What is wrong with a registration as far as it shows without the database.
pub fn problems(
    username: &str,
    email: &str,
    password: &str,
    agreement: bool,
    reason: &str,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |field, code, text| problems.push(Problem { field, code, text });
    match names::available_to_register(username) {
        Ok(()) => {}
        Err(names::UsernameError::Empty) => add("username", "ERR_BLANK", "can't be blank"),
        Err(names::UsernameError::TooLong) => add(
            "username",
            "ERR_TOO_LONG",
            "is too long (maximum is 30 characters)",
        ),
        Err(names::UsernameError::InvalidCharacter) => add(
            "username",
            "ERR_INVALID",
            "must contain only letters, numbers and underscores",
        ),
        Err(names::UsernameError::Reserved) => add("username", "ERR_RESERVED", "is reserved"),
    }
    if email.is_empty() {
        add("email", "ERR_BLANK", "can't be blank");
    } else if !names::valid_email(email) {
        add("email", "ERR_INVALID", "is invalid");
    }
    if password.is_empty() {
        add("password", "ERR_BLANK", "can't be blank");
    } else if let Some(text) = passwords::problem(password) {
        let code = if password.len() > passwords::MAX_BYTES {
            "ERR_TOO_LONG"
        } else {
            "ERR_TOO_SHORT"
        };
        add("password", code, text);
    }
    if !agreement {
        add("agreement", "ERR_ACCEPTED", "must be accepted");
    }
    if reason.chars().count() > MAX_REASON {
        add(
            "reason",
            "ERR_TOO_LONG",
            "is too long (maximum is 1000 characters)",
        );
    }
    problems
}

/// 403 unless people may register here, with an invitation (whether it is good shows later) or
/// without.
pub fn open_to_strangers(registration: Registration, invited: bool) -> AppResult<()> {
    match registration {
        Registration::Open | Registration::Approval => Ok(()),
        Registration::Invite if invited => Ok(()),
        Registration::Invite => Err(AppError::forbidden("Registration needs an invitation")),
        Registration::Closed => Err(AppError::forbidden("Registration is closed")),
    }
}

/// Registers someone: an account, a user, and a letter with a code. Who is invited needs no
/// approval.
///
/// Nothing that a stranger sees tells whether the e-mail address has an account: where it does,
/// its owner gets a letter saying so, and the new account is one that can never be verified and
/// is removed like every registration that was not. While addresses are not verified at all,
/// that cannot be, and the address is refused.
pub async fn register(tx: &mut Conn, ctx: &Ctx, new: Registering) -> AppResult<Registered> {
    let registration = match self_destruct::begun(tx).await? {
        true => Registration::Closed,
        false => ctx.config.live.now().registration,
    };
    open_to_strangers(registration, !new.invite.is_empty())?;
    // First, so that nothing else is told to who has none.
    if !new.invite.is_empty() && !invites::is_open(tx, ctx, &new.invite).await? {
        return Ok(Registered::Refused(vec![invites::no_good()]));
    }
    if let Some(problem) = email_blocks::problem(tx, ctx, &new.email, &new.ip).await? {
        return Ok(Registered::Refused(vec![problem]));
    }
    if username_blocks::blocks(tx, &new.username).await? {
        return Ok(Registered::Refused(vec![Problem {
            field: "username",
            code: "ERR_RESERVED",
            text: "is reserved",
        }]));
    }
    let now = ctx.now();
    let taken = |field| Problem {
        field,
        code: "ERR_TAKEN",
        text: "has already been taken",
    };
    if db::accounts::by_handle(tx, &new.username, "")
        .await?
        .is_some()
    {
        return Ok(Registered::Refused(vec![taken("username")]));
    }
    let verify = ctx.config.live.now().email_verification;
    let holder = db::users::by_email(tx, &new.email).await?;
    if holder.is_some() && !verify {
        return Ok(Registered::Refused(vec![taken("email")]));
    }
    // Last, so that a registration that is refused uses no invitation up.
    let invite_id = match new.invite.as_str() {
        "" => None,
        code => match db::invites::take(tx, code, now).await? {
            Some(id) => Some(id),
            None => return Ok(Registered::Refused(vec![invites::no_good()])),
        },
    };
    let welcome = invite_id.is_some() || registration == Registration::Open;
    let approved = welcome && !new.doubtful;
    let account = accounts::create_local(tx, ctx, &new.username, "Person", &new.keys).await?;
    let mut user = User {
        account_id: account.id,
        email_lower: new.email.to_lowercase(),
        email: new.email,
        password_hash: new.password_hash,
        role: Role::User.as_str().to_owned(),
        locale: new.locale,
        settings: "{}".to_owned(),
        reason: new.reason,
        created_at: now,
        confirmed_at: (!verify).then_some(now),
        approved_at: approved.then_some(now),
        disabled_at: None,
        last_sign_in_at: None,
        invite_id,
        leaving_at: None,
        leaves_at: None,
    };
    let theirs = match holder {
        Some(_) => claim(tx, ctx, &user.email).await?,
        None => true,
    };
    if !theirs {
        user.email_lower = no_address(account.id);
    }
    db::users::insert(tx, &user).await?;
    db::sign_up_rules::signed_up(tx, account.id, &new.ip, new.app_id).await?;
    if !verify {
        moderation::signed_up(tx, ctx, &account).await?;
    }
    if verify && theirs {
        send_confirmation(tx, ctx, &account, &user).await?;
    }
    Ok(Registered::Done(Box::new((account, user))))
}

/// Takes an address from a user who has not shown that it is theirs: the newest may try. From
/// one who has, it is not taken, and they get a letter.
async fn claim(tx: &mut Conn, ctx: &Ctx, email: &str) -> AppResult<bool> {
    // Who takes it between this and the end of the transaction has it run again.
    let Some(mut holder) = known_by_email(tx, email).await? else {
        return Ok(true);
    };
    if holder.confirmed_at.is_none() {
        holder.email_lower = no_address(holder.account_id);
        db::users::update(tx, &holder).await?;
        return Ok(true);
    }
    let owner = db::accounts::by_id(tx, holder.account_id).await?;
    let username = owner.map(|owner| owner.username).unwrap_or_default();
    let letter = Letter::AlreadyRegistered {
        username: &username,
    };
    mail::send(tx, ctx, &holder.email, letter).await?;
    Ok(false)
}

/// Sends the letter again to a user who waits for it, perhaps to another address; nothing tells
/// whether that one has an account.
pub async fn confirm_again(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    email: Option<&str>,
) -> AppResult<()> {
    let mut user = known(tx, account_id).await?;
    if user.confirmed_at.is_some() {
        return Ok(());
    }
    if let Some(email) = email.filter(|email| *email != user.email) {
        if !names::valid_email(email) {
            return Err(AppError::invalid("Validation failed: E-mail is invalid"));
        }
        if let Some(problem) = email_blocks::problem(tx, ctx, email, "").await? {
            return Err(AppError::invalid(format!(
                "Validation failed: E-mail {}",
                problem.text
            )));
        }
        let theirs = match db::users::by_email(tx, email).await? {
            Some(holder) if holder.account_id != account_id => claim(tx, ctx, email).await?,
            _ => true,
        };
        user.email = email.to_owned();
        user.email_lower = if theirs {
            email.to_lowercase()
        } else {
            no_address(account_id)
        };
        db::users::update(tx, &user).await?;
        // The code that was sent belongs to the other address.
        codes::withdraw(tx, ctx, account_id, Purpose::Confirm).await?;
    }
    if user.email_lower == no_address(account_id) {
        return Ok(());
    }
    match db::accounts::by_id(tx, account_id).await? {
        Some(account) => send_confirmation(tx, ctx, &account, &user).await,
        None => Ok(()),
    }
}

/// In the place of an address: holds a space, which no address does.
fn no_address(account_id: i64) -> String {
    format!("none {account_id}")
}

async fn send_confirmation(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    user: &User,
) -> AppResult<()> {
    if let Some(code) = codes::issue(tx, ctx, account.id, Purpose::Confirm).await? {
        let letter = Letter::Confirm {
            username: &account.username,
            code: &code,
        };
        mail::send(tx, ctx, &user.email, letter).await?;
    }
    Ok(())
}

/// What an admin makes a user of.
#[derive(Debug, Clone)]
pub struct Creating {
    pub username: String,
    pub email: String,
    pub password_hash: String,
    pub keys: KeyPair,
    pub role: Role,
    pub confirmed: bool,
}

/// Adds a user for an admin: approved, and whatever the mode of registration. Reserved names are
/// an admin's to give.
pub async fn create(tx: &mut Conn, ctx: &Ctx, new: Creating) -> AppResult<(Account, User)> {
    let now = ctx.now();
    names::valid_username(&new.username)
        .map_err(|problem| AppError::invalid(format!("the name {problem}")))?;
    if new.username.eq_ignore_ascii_case(accounts::INSTANCE_ACTOR) {
        return Err(AppError::invalid("the name is the server's own"));
    }
    if !names::valid_email(&new.email) {
        return Err(AppError::invalid(format!(
            "{:?} is no e-mail address",
            new.email
        )));
    }
    if db::users::by_email(tx, &new.email).await?.is_some() {
        return Err(AppError::invalid("the e-mail address has an account"));
    }
    if db::accounts::by_handle(tx, &new.username, "")
        .await?
        .is_some()
    {
        return Err(AppError::invalid("the name is taken"));
    }
    let account = accounts::create_local(tx, ctx, &new.username, "Person", &new.keys).await?;
    let confirmed = new.confirmed || !ctx.config.live.now().email_verification;
    let user = User {
        account_id: account.id,
        email_lower: new.email.to_lowercase(),
        email: new.email,
        password_hash: new.password_hash,
        role: new.role.as_str().to_owned(),
        locale: String::new(),
        settings: "{}".to_owned(),
        reason: String::new(),
        created_at: now,
        confirmed_at: confirmed.then_some(now),
        approved_at: Some(now),
        disabled_at: None,
        last_sign_in_at: None,
        invite_id: None,
        leaving_at: None,
        leaves_at: None,
    };
    db::users::insert(tx, &user).await?;
    if !confirmed {
        send_confirmation(tx, ctx, &account, &user).await?;
    }
    Ok((account, user))
}

/// Verifies an e-mail address by its code; false where there is no such user, nothing to verify,
/// or the code is not the one. The transaction is to be kept either way: it counts the try.
pub async fn verify_email(tx: &mut Conn, ctx: &Ctx, email: &str, code: &str) -> AppResult<bool> {
    let Some(user) = known_by_email(tx, email).await? else {
        return Ok(false);
    };
    if user.confirmed_at.is_some()
        || !codes::redeem(tx, ctx, user.account_id, Purpose::Confirm, code).await?
    {
        return Ok(false);
    }
    let confirmed = User {
        confirmed_at: Some(ctx.now()),
        ..user
    };
    save(tx, &confirmed).await?;
    told_of(tx, ctx, confirmed.account_id).await?;
    Ok(true)
}

/// Sends another code to an address that waits to be verified, unless it is too soon.
pub async fn resend_code(tx: &mut Conn, ctx: &Ctx, email: &str) -> AppResult<()> {
    let Some(user) = known_by_email(tx, email).await? else {
        return Ok(());
    };
    if user.confirmed_at.is_some() {
        return Ok(());
    }
    match db::accounts::by_id(tx, user.account_id).await? {
        Some(account) => send_confirmation(tx, ctx, &account, &user).await,
        None => Ok(()),
    }
}

/// Sends a code for a new password, unless it is too soon or there is no such user.
pub async fn forgot_password(tx: &mut Conn, ctx: &Ctx, email: &str) -> AppResult<()> {
    let Some(user) = db::users::by_email(tx, email).await? else {
        return Ok(());
    };
    let Some(account) = db::accounts::by_id(tx, user.account_id).await? else {
        return Ok(());
    };
    if let Some(code) = codes::issue(tx, ctx, account.id, Purpose::Reset).await? {
        let letter = Letter::Reset {
            username: &account.username,
            code: &code,
        };
        mail::send(tx, ctx, &user.email, letter).await?;
    }
    Ok(())
}

/// Sets a new password by a code from the user's mailbox, which is verified by that; every
/// session ends. False when the code is not the one; the transaction is to be kept either way.
pub async fn reset_password(
    tx: &mut Conn,
    ctx: &Ctx,
    email: &str,
    code: &str,
    password_hash: String,
) -> AppResult<bool> {
    let Some(mut user) = known_by_email(tx, email).await? else {
        return Ok(false);
    };
    if !codes::redeem(tx, ctx, user.account_id, Purpose::Reset, code).await? {
        return Ok(false);
    }
    if user.confirmed_at.is_none() {
        user.confirmed_at = Some(ctx.now());
        told_of(tx, ctx, user.account_id).await?;
    }
    set_password(tx, ctx, user, password_hash, None).await?;
    Ok(true)
}

/// The staff hears of a registration once its address is known to be good: not of what robots
/// fill in.
async fn told_of(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<()> {
    match db::accounts::by_id(tx, account_id).await? {
        Some(account) => moderation::signed_up(tx, ctx, &account).await,
        None => Ok(()),
    }
}

/// Sets a new password with a code, in a session that stays.
pub async fn change_password_by_code(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    code: &str,
    password_hash: String,
    session: i64,
) -> AppResult<bool> {
    let user = known(tx, account_id).await?;
    if !codes::redeem(tx, ctx, account_id, Purpose::Reset, code).await? {
        return Ok(false);
    }
    set_password(tx, ctx, user, password_hash, Some(session)).await?;
    Ok(true)
}

/// Sets a new password; every session but one token's ends.
pub async fn change_password(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    password_hash: String,
    but_token: Option<i64>,
) -> AppResult<()> {
    let user = known(tx, account_id).await?;
    set_password(tx, ctx, user, password_hash, but_token).await
}

async fn set_password(
    tx: &mut Conn,
    ctx: &Ctx,
    user: User,
    password_hash: String,
    but_token: Option<i64>,
) -> AppResult<()> {
    let changed = User {
        password_hash,
        ..user
    };
    save(tx, &changed).await?;
    // Whoever tried one-time passwords with the old one has to begin anew.
    db::totp::forgive(tx, changed.account_id).await?;
    sign_in::end_all(tx, ctx, changed.account_id, but_token).await?;
    if let Some(account) = db::accounts::by_id(tx, changed.account_id).await? {
        let letter = Letter::PasswordChanged {
            username: &account.username,
        };
        mail::send(tx, ctx, &changed.email, letter).await?;
    }
    Ok(())
}

/// A user whom nobody else changes meanwhile: all of it is written.
async fn known(tx: &mut Conn, account_id: i64) -> AppResult<User> {
    db::relations::lock_pair(tx, account_id, account_id).await?;
    db::users::by_account(tx, account_id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// The same by an address, unless it went to somebody else meanwhile.
async fn known_by_email(tx: &mut Conn, email: &str) -> AppResult<Option<User>> {
    let Some(found) = db::users::by_email(tx, email).await? else {
        return Ok(None);
    };
    db::relations::lock_pair(tx, found.account_id, found.account_id).await?;
    let user = db::users::by_account(tx, found.account_id).await?;
    Ok(user.filter(|user| user.email_lower == found.email_lower))
}

async fn save(tx: &mut Conn, user: &User) -> AppResult<()> {
    db::users::update(tx, user).await?;
    tx.emit(Event::of(Kind::UserChanged, user.account_id));
    Ok(())
}

/// What an admin may change of a user; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub role: Option<Role>,
    pub email: Option<String>,
    pub confirm: bool,
}

/// Changes a user for an admin.
pub async fn modify(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    changes: Changes,
) -> AppResult<User> {
    let mut user = known(tx, account_id).await?;
    if let Some(role) = changes.role {
        user.role = role.as_str().to_owned();
    }
    if let Some(email) = changes.email {
        if !names::valid_email(&email) {
            return Err(AppError::invalid(format!("{email:?} is no e-mail address")));
        }
        let holder = db::users::by_email(tx, &email).await?;
        if holder.is_some_and(|holder| holder.account_id != account_id) {
            return Err(AppError::invalid("the e-mail address has an account"));
        }
        user.email_lower = email.to_lowercase();
        user.email = email;
    }
    if changes.confirm {
        user.confirmed_at = user.confirmed_at.or(Some(ctx.now()));
    }
    save(tx, &user).await?;
    Ok(user)
}

/// Lets a registration in; it is told by letter. False when it was in already.
pub async fn approve(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<bool> {
    let mut user = known(tx, account_id).await?;
    if user.approved_at.is_some() {
        return Ok(false);
    }
    user.approved_at = Some(ctx.now());
    save(tx, &user).await?;
    if let Some(account) = db::accounts::by_id(tx, account_id).await? {
        let letter = Letter::Approved {
            username: &account.username,
        };
        mail::send(tx, ctx, &user.email, letter).await?;
    }
    Ok(true)
}

/// Turns away a registration that waits for approval: it is removed, and its name is free again.
pub async fn reject(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<()> {
    let user = known(tx, account_id).await?;
    if user.approved_at.is_some() {
        return Err(AppError::invalid("the user was approved before"));
    }
    sign_in::end_all(tx, ctx, account_id, None).await?;
    db::users::remove(tx, account_id).await?;
    tx.emit(Event::of(Kind::AccountChanged, account_id));
    tx.emit(Event::of(Kind::UserChanged, account_id));
    Ok(())
}

/// Keeps a user from signing in and ends their sessions, or lets them in again.
pub async fn set_disabled(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    disabled: bool,
) -> AppResult<()> {
    let mut user = known(tx, account_id).await?;
    user.disabled_at = disabled.then(|| user.disabled_at.unwrap_or(ctx.now()));
    save(tx, &user).await?;
    if disabled {
        sign_in::end_all(tx, ctx, account_id, None).await?;
    }
    Ok(())
}
