//! Making and changing filters. The first generation of the API knows one keyword each, the
//! second groups of them; both work on the same rows.

use super::{Action, Contexts};
use crate::clock::SECOND;
use crate::db::accounts::Account;
use crate::db::filters::{Filter, FilteredStatus, Keyword};
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::visibility::may_see;
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Longest title and keyword, in characters.
const MAX_TITLE: usize = 256;
const MAX_KEYWORD: usize = 512;
/// Filters of an account, its keywords in all, and statuses in one filter.
const MAX_FILTERS: i64 = 200;
const MAX_KEYWORDS: i64 = 2000;
const MAX_STATUSES: usize = 1000;

/// What to make of a filter; `None` leaves what is.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub title: Option<String>,
    pub context: Option<Vec<String>>,
    pub action: Option<String>,
    /// Seconds from now; `Some(None)` for ever.
    pub expires_in: Option<Option<i64>>,
    pub keywords: Vec<KeywordChange>,
}

/// What to make of one keyword of a filter.
#[derive(Debug, Clone, Default)]
pub struct KeywordChange {
    /// One that is there; a new one without.
    pub id: Option<i64>,
    pub keyword: Option<String>,
    pub whole_word: Option<bool>,
    pub remove: bool,
}

impl KeywordChange {
    /// Forms send empty entries.
    fn says_nothing(&self) -> bool {
        self.keyword
            .as_deref()
            .is_none_or(|text| text.trim().is_empty())
            && self.whole_word != Some(true)
    }
}

/// A filter of the first generation.
#[derive(Debug, Clone, Default)]
pub struct LegacyChanges {
    pub phrase: Option<String>,
    pub context: Option<Vec<String>>,
    pub irreversible: Option<bool>,
    pub whole_word: Option<bool>,
    /// Seconds from now; `Some(None)` for ever.
    pub expires_in: Option<Option<i64>>,
}

fn blank(what: &str) -> AppError {
    AppError::invalid(format!("Validation failed: {what} can't be blank"))
}

fn title(text: Option<&str>) -> AppResult<String> {
    let text = text.unwrap_or_default().trim();
    if text.is_empty() {
        return Err(blank("Title"));
    }
    if text.chars().count() > MAX_TITLE {
        return Err(AppError::invalid(format!(
            "Validation failed: Title is too long (maximum is {MAX_TITLE} characters)"
        )));
    }
    Ok(text.to_owned())
}

fn contexts(names: &[String]) -> AppResult<Contexts> {
    let set = Contexts::parse(names.iter().map(String::as_str)).ok_or_else(|| {
        AppError::invalid("Validation failed: Context None or invalid context supplied")
    })?;
    if set.is_empty() {
        return Err(blank("Context"));
    }
    Ok(set)
}

fn action(name: &str) -> AppResult<Action> {
    Action::parse(name).ok_or_else(|| {
        AppError::invalid("Validation failed: Filter action is not included in the list")
    })
}

fn keyword_text(text: Option<&str>) -> AppResult<String> {
    let text = text.unwrap_or_default().trim();
    if text.is_empty() {
        return Err(blank("Keyword"));
    }
    if text.chars().count() > MAX_KEYWORD {
        return Err(AppError::invalid(format!(
            "Validation failed: Keyword is too long (maximum is {MAX_KEYWORD} characters)"
        )));
    }
    Ok(text.to_owned())
}

fn expiry(ctx: &Ctx, expires_in: Option<i64>) -> Option<i64> {
    expires_in.map(|seconds| {
        let ms = seconds.max(0).saturating_mul(SECOND);
        ctx.now().saturating_add(ms)
    })
}

fn changed(tx: &mut Conn, account_id: i64) {
    tx.emit(Event::to(account_id, Kind::FiltersChanged, account_id));
}

/// One of an account's filters; 404 for any other.
async fn own(tx: &mut Conn, account_id: i64, id: i64) -> AppResult<Filter> {
    db::filters::by_id(tx, account_id, id)
        .await?
        .ok_or_else(AppError::not_found)
}

async fn room_for_filter(tx: &mut Conn, account_id: i64) -> AppResult<()> {
    if db::filters::count(tx, account_id).await? >= MAX_FILTERS {
        return Err(AppError::invalid(format!(
            "Validation failed: You cannot have more than {MAX_FILTERS} filters"
        )));
    }
    Ok(())
}

async fn room_for_keyword(tx: &mut Conn, account_id: i64) -> AppResult<()> {
    if db::filters::count_keywords(tx, account_id).await? >= MAX_KEYWORDS {
        return Err(AppError::invalid(format!(
            "Validation failed: You cannot filter more than {MAX_KEYWORDS} keywords"
        )));
    }
    Ok(())
}

/// Makes a filter.
pub async fn create(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    changes: Changes,
) -> AppResult<Filter> {
    let row = Filter {
        id: ctx.ids.next(),
        account_id,
        title: title(changes.title.as_deref())?,
        context: contexts(changes.context.as_deref().unwrap_or_default())?.to_db(),
        action: match changes.action.as_deref() {
            Some(name) => action(name)?,
            None => Action::default(),
        }
        .as_str()
        .to_owned(),
        expires_at: expiry(ctx, changes.expires_in.flatten()),
        created_at: ctx.now(),
    };
    room_for_filter(tx, account_id).await?;
    db::filters::insert(tx, &row).await?;
    apply_keywords(tx, ctx, &row, changes.keywords).await?;
    changed(tx, account_id);
    Ok(row)
}

/// Changes a filter.
pub async fn change(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    id: i64,
    changes: Changes,
) -> AppResult<Filter> {
    let mut row = own(tx, account_id, id).await?;
    if changes.title.is_some() {
        row.title = title(changes.title.as_deref())?;
    }
    if let Some(names) = &changes.context {
        row.context = contexts(names)?.to_db();
    }
    if let Some(name) = &changes.action {
        action(name)?.as_str().clone_into(&mut row.action);
    }
    if let Some(expires_in) = changes.expires_in {
        row.expires_at = expiry(ctx, expires_in);
    }
    db::filters::update(tx, &row).await?;
    apply_keywords(tx, ctx, &row, changes.keywords).await?;
    changed(tx, account_id);
    Ok(row)
}

async fn apply_keywords(
    tx: &mut Conn,
    ctx: &Ctx,
    filter: &Filter,
    changes: Vec<KeywordChange>,
) -> AppResult<()> {
    for change in changes {
        match change.id {
            Some(id) => {
                let (row, holder) = db::filters::keyword(tx, filter.account_id, id)
                    .await?
                    .ok_or_else(AppError::not_found)?;
                if holder.id != filter.id {
                    return Err(AppError::not_found());
                }
                if change.remove {
                    db::filters::delete_keyword(tx, id).await?;
                } else {
                    update_keyword(tx, row, change.keyword.as_deref(), change.whole_word).await?;
                }
            }
            None if change.remove || change.says_nothing() => {}
            None => {
                insert_keyword(
                    tx,
                    ctx,
                    filter,
                    change.keyword.as_deref(),
                    change.whole_word,
                )
                .await?;
            }
        }
    }
    Ok(())
}

async fn insert_keyword(
    tx: &mut Conn,
    ctx: &Ctx,
    filter: &Filter,
    keyword: Option<&str>,
    whole_word: Option<bool>,
) -> AppResult<Keyword> {
    let row = Keyword {
        id: ctx.ids.next(),
        filter_id: filter.id,
        keyword: keyword_text(keyword)?,
        whole_word: whole_word.unwrap_or(true),
        created_at: ctx.now(),
    };
    room_for_keyword(tx, filter.account_id).await?;
    db::filters::insert_keyword(tx, &row).await?;
    Ok(row)
}

async fn update_keyword(
    tx: &mut Conn,
    mut row: Keyword,
    keyword: Option<&str>,
    whole_word: Option<bool>,
) -> AppResult<Keyword> {
    if keyword.is_some() {
        row.keyword = keyword_text(keyword)?;
    }
    row.whole_word = whole_word.unwrap_or(row.whole_word);
    db::filters::update_keyword(tx, &row).await?;
    Ok(row)
}

/// Removes a filter.
pub async fn remove(tx: &mut Conn, account_id: i64, id: i64) -> AppResult<()> {
    let row = own(tx, account_id, id).await?;
    db::filters::delete(tx, row.id).await?;
    changed(tx, account_id);
    Ok(())
}

/// Adds a keyword to a filter.
pub async fn add_keyword(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    filter_id: i64,
    keyword: Option<&str>,
    whole_word: Option<bool>,
) -> AppResult<Keyword> {
    let filter = own(tx, account_id, filter_id).await?;
    let row = insert_keyword(tx, ctx, &filter, keyword, whole_word).await?;
    changed(tx, account_id);
    Ok(row)
}

/// Changes a keyword.
pub async fn change_keyword(
    tx: &mut Conn,
    account_id: i64,
    id: i64,
    keyword: Option<&str>,
    whole_word: Option<bool>,
) -> AppResult<Keyword> {
    let (row, _) = db::filters::keyword(tx, account_id, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    let row = update_keyword(tx, row, keyword, whole_word).await?;
    changed(tx, account_id);
    Ok(row)
}

/// Removes a keyword.
pub async fn remove_keyword(tx: &mut Conn, account_id: i64, id: i64) -> AppResult<()> {
    let (row, _) = db::filters::keyword(tx, account_id, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    db::filters::delete_keyword(tx, row.id).await?;
    changed(tx, account_id);
    Ok(())
}

/// Adds a status that the account may see to a filter.
pub async fn add_status(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    filter_id: i64,
    status_id: i64,
) -> AppResult<FilteredStatus> {
    let filter = own(tx, account.id, filter_id).await?;
    let status = db::statuses::by_id(tx, status_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if !may_see(tx, &status, Some(account)).await? {
        return Err(AppError::not_found());
    }
    if db::filters::statuses_of(tx, &[filter.id]).await?.len() >= MAX_STATUSES {
        return Err(AppError::invalid(format!(
            "Validation failed: A filter cannot hold more than {MAX_STATUSES} posts"
        )));
    }
    let row = FilteredStatus {
        id: ctx.ids.next(),
        filter_id,
        status_id,
        created_at: ctx.now(),
    };
    let row = db::filters::add_status(tx, &row).await?;
    changed(tx, account.id);
    Ok(row)
}

/// Takes a status out of its filter.
pub async fn remove_status(tx: &mut Conn, account_id: i64, id: i64) -> AppResult<FilteredStatus> {
    let row = db::filters::status(tx, account_id, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    db::filters::delete_status(tx, row.id).await?;
    changed(tx, account_id);
    Ok(row)
}

fn legacy_action(irreversible: bool) -> Action {
    if irreversible {
        Action::Hide
    } else {
        Action::Warn
    }
}

fn phrase(text: Option<&str>) -> AppResult<String> {
    keyword_text(text).map_err(|error| match text.unwrap_or_default().trim() {
        "" => blank("Phrase"),
        _ => error,
    })
}

/// Makes a filter of the first generation: a group with one keyword, by whose id it goes.
pub async fn create_legacy(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    changes: LegacyChanges,
) -> AppResult<(Keyword, Filter)> {
    let phrase = phrase(changes.phrase.as_deref())?;
    let filter = Filter {
        id: ctx.ids.next(),
        account_id,
        title: phrase.chars().take(MAX_TITLE).collect(),
        context: contexts(changes.context.as_deref().unwrap_or_default())?.to_db(),
        action: legacy_action(changes.irreversible.unwrap_or(false))
            .as_str()
            .to_owned(),
        expires_at: expiry(ctx, changes.expires_in.flatten()),
        created_at: ctx.now(),
    };
    room_for_filter(tx, account_id).await?;
    db::filters::insert(tx, &filter).await?;
    let whole_word = Some(changes.whole_word.unwrap_or(false));
    let keyword = insert_keyword(tx, ctx, &filter, Some(&phrase), whole_word).await?;
    changed(tx, account_id);
    Ok((keyword, filter))
}

/// Changes a filter of the first generation. What it has in common with other keywords of its
/// group is not changed this way.
pub async fn change_legacy(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    id: i64,
    changes: LegacyChanges,
) -> AppResult<(Keyword, Filter)> {
    let (mut keyword, before) = db::filters::keyword(tx, account_id, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    let shared = db::filters::keywords_of(tx, &[before.id]).await?.len() > 1;
    let mut filter = before.clone();
    if let Some(names) = &changes.context {
        filter.context = contexts(names)?.to_db();
    }
    if let Some(irreversible) = changes.irreversible {
        // What is blurred in the second generation is not irreversible in the first.
        if irreversible || filter.action == Action::Hide.as_str() {
            legacy_action(irreversible)
                .as_str()
                .clone_into(&mut filter.action);
        }
    }
    if let Some(expires_in) = changes.expires_in {
        filter.expires_at = expiry(ctx, expires_in);
    }
    if changes.phrase.is_some() {
        let phrase = phrase(changes.phrase.as_deref())?;
        if filter.title == keyword.keyword && !shared {
            filter.title = phrase.chars().take(MAX_TITLE).collect();
        }
        keyword.keyword = phrase;
    }
    keyword.whole_word = changes.whole_word.unwrap_or(keyword.whole_word);
    if filter != before {
        if shared {
            return Err(AppError::invalid(
                "These parameters cannot be changed from this application because they apply to \
                 more than one filter keyword. Use a more recent application or the web interface.",
            ));
        }
        db::filters::update(tx, &filter).await?;
    }
    db::filters::update_keyword(tx, &keyword).await?;
    changed(tx, account_id);
    Ok((keyword, filter))
}

/// Removes a filter of the first generation, and its group when that holds nothing else.
pub async fn remove_legacy(tx: &mut Conn, account_id: i64, id: i64) -> AppResult<()> {
    let (keyword, filter) = db::filters::keyword(tx, account_id, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    db::filters::delete_keyword(tx, keyword.id).await?;
    let holds_more = !db::filters::keywords_of(tx, &[filter.id]).await?.is_empty()
        || !db::filters::statuses_of(tx, &[filter.id]).await?.is_empty();
    if !holds_more {
        db::filters::delete(tx, filter.id).await?;
    }
    changed(tx, account_id);
    Ok(())
}
