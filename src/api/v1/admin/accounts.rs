//! `GET /api/v1/admin/accounts`, `GET /api/v2/admin/accounts`, `GET …/:id`, `DELETE …/:id`

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use crate::api::entities::Json;
use crate::api::entities::admin::account;
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::moderation::{Filter, Standing};
use crate::domain::moderation::{self, Permission};
use crate::domain::users::Role;
use crate::error::{AppError, AppResult};
use crate::http::auth::{Staff, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/admin/accounts", get(v1))
        .route("/api/v2/admin/accounts", get(v2))
        .route("/api/v1/admin/accounts/{id}", get(show).delete(erase))
}

/// What both versions know.
#[derive(Debug, Deserialize)]
struct Common {
    #[serde(default, deserialize_with = "params::text")]
    username: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    by_domain: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    email: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    ip: Option<String>,
}

impl Common {
    fn filter(self) -> Filter {
        let given = |text: Option<String>| {
            text.map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
        };
        Filter {
            username: given(self.username)
                .map(|name| name.strip_prefix('@').unwrap_or(&name).to_owned()),
            display_name: given(self.display_name),
            domain: given(self.by_domain),
            email: given(self.email),
            ip: given(self.ip),
            ..Filter::default()
        }
    }
}

#[derive(Debug, Deserialize)]
struct First {
    #[serde(flatten)]
    common: Common,
    #[serde(default, deserialize_with = "params::flag")]
    local: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    remote: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    active: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    pending: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    disabled: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    silenced: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    suspended: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    sensitized: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    staff: Option<bool>,
}

fn staff_roles() -> Vec<String> {
    [Role::Moderator, Role::Admin]
        .map(|role| role.as_str().to_owned())
        .into()
}

async fn v1(
    State(app): State<App>,
    staff: Staff<scope::AdminReadAccounts>,
    paging: Paging,
    Params(query): Params<First>,
) -> AppResult<Response> {
    let mut filter = query.common.filter();
    let on = |flag: Option<bool>| flag == Some(true);
    filter.local = match (on(query.local), on(query.remote)) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    };
    // Of several, the last that is documented counts, as in Mastodon.
    for (wanted, standing) in [
        (query.active, Standing::Active),
        (query.pending, Standing::Pending),
        (query.suspended, Standing::Suspended),
        (query.disabled, Standing::Disabled),
        (query.silenced, Standing::Silenced),
        (query.sensitized, Standing::Sensitized),
    ] {
        if on(wanted) {
            filter.standing = Some(standing);
        }
    }
    if on(query.staff) {
        filter.roles = staff_roles();
    }
    list(&app, &staff, &paging, filter).await
}

#[derive(Debug, Deserialize)]
struct Second {
    #[serde(flatten)]
    common: Common,
    #[serde(default, deserialize_with = "params::text")]
    origin: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    status: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    permissions: Option<String>,
    #[serde(default, deserialize_with = "params::texts")]
    role_ids: Vec<String>,
    #[serde(default, deserialize_with = "params::text")]
    invited_by: Option<String>,
}

async fn v2(
    State(app): State<App>,
    staff: Staff<scope::AdminReadAccounts>,
    paging: Paging,
    Params(query): Params<Second>,
) -> AppResult<Response> {
    let unknown = |name: &str| AppError::invalid(format!("Validation failed: Unknown {name}"));
    let mut filter = query.common.filter();
    filter.local = match query.origin.as_deref() {
        None | Some("") => None,
        Some("local") => Some(true),
        Some("remote") => Some(false),
        Some(_) => return Err(unknown("origin")),
    };
    filter.standing = match query.status.as_deref() {
        None | Some("") => None,
        Some("active") => Some(Standing::Active),
        Some("pending") => Some(Standing::Pending),
        Some("disabled") => Some(Standing::Disabled),
        Some("silenced") => Some(Standing::Silenced),
        Some("suspended") => Some(Standing::Suspended),
        Some("sensitized") => Some(Standing::Sensitized),
        Some(_) => return Err(unknown("status")),
    };
    if query.permissions.as_deref() == Some("staff") {
        filter.roles = staff_roles();
    }
    for id in query.role_ids.iter().filter(|id| !id.is_empty()) {
        let role = Role::of_id(id).ok_or_else(|| unknown("role"))?;
        filter.roles.push(role.as_str().to_owned());
    }
    filter.invited_by = match query.invited_by.as_deref() {
        None | Some("") => None,
        Some(id) => Some(path_id(id)?),
    };
    list(&app, &staff, &paging, filter).await
}

async fn list<S>(
    app: &App,
    staff: &Staff<S>,
    paging: &Paging,
    filter: Filter,
) -> AppResult<Response> {
    staff.must(Permission::ManageUsers)?;
    let page = paging.page(100, 200);
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::moderation::accounts(c, &filter, page).await?) })
        })
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.id),
        rows.last().map(|row| row.id),
        rows.len() as i64 >= page.limit,
    );
    Ok((links, json(&account::render(app, &rows).await?)?).into_response())
}

async fn show(
    State(app): State<App>,
    staff: Staff<scope::AdminReadAccounts>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    staff.must(Permission::ManageUsers)?;
    answer(&app, path_id(&id)?).await
}

/// Answers with the account as it was: it is gone after.
async fn erase(
    State(app): State<App>,
    staff: Staff<scope::AdminWriteAccounts>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    staff.must(Permission::DeleteUserData)?;
    let was = answer(&app, id).await?;
    let (ctx, actor) = (app.ctx.clone(), staff.actor());
    app.write(move |tx| Box::pin(async move { moderation::erase(tx, &ctx, &actor, id).await }))
        .await?;
    Ok(was)
}

/// One account as it is now: 404 for none, and for one that is gone.
pub(super) async fn answer(app: &App, id: i64) -> AppResult<Json> {
    let found = app
        .read(move |c| Box::pin(async move { Ok(db::accounts::by_id(c, id).await?) }))
        .await?
        .filter(|account| account.deleted_at.is_none())
        .ok_or_else(AppError::not_found)?;
    let entity = account::render(app, std::slice::from_ref(&found))
        .await?
        .pop();
    json(&entity.ok_or_else(AppError::not_found)?)
}
