//! Which of those that a status is addressed to are groups.

use super::super::create::Ready;
use crate::app::App;
use crate::client::Budget;
use crate::db;
use crate::db::accounts::Account;
use crate::domain::groups::is_group;
use crate::domain::statuses::RemoteNote;
use crate::error::AppResult;
use crate::federation::fetch;

/// Groups that are looked up for one status.
const MAX_SOUGHT: usize = 2;

/// Finds the groups among the recipients that are known here.
pub(in super::super) async fn known(app: &App, note: &mut RemoteNote) -> AppResult<()> {
    if !note.visibility.is_open() {
        return Ok(());
    }
    let is_mentioned = |uri: &&String| note.mentions.iter().any(|account| account.uri == **uri);
    let recipients = || note.groups.named.iter().chain(&note.groups.others);
    let unread: Vec<String> = recipients()
        .filter(|uri| !is_mentioned(uri) && !app.config.is_ours(uri))
        .cloned()
        .collect();
    let mut accounts: Vec<Account> = note.mentions.clone();
    if !unread.is_empty() {
        let read = app
            .read(move |c| Box::pin(async move { Ok(db::accounts::by_uris(c, &unread).await?) }))
            .await?;
        accounts.extend(read);
    }
    let found: Vec<i64> = recipients()
        .filter_map(|uri| accounts.iter().find(|account| account.uri == *uri))
        .filter(|account| is_group(account))
        .map(|group| group.id)
        .collect();
    note.groups.found = found;
    Ok(())
}

/// Looks up a group that a status names and that is not known here.
pub async fn sought(app: &App, ready: &mut Ready, budget: &Budget) {
    let note = &mut ready.note;
    if !note.groups.found.is_empty() || !note.visibility.is_open() {
        return;
    }
    for uri in note.groups.named.iter().take(MAX_SOUGHT) {
        if app.config.is_ours(uri) {
            continue;
        }
        let Ok(budget) = budget.deeper() else {
            return;
        };
        if let Ok(account) = fetch::actor(app, uri, &budget).await
            && is_group(&account)
        {
            note.groups.found.push(account.id);
            return;
        }
    }
}
