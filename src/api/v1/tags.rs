//! `/api/v1/tags`, `/api/v1/followed_tags`

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::api::entities::{Json, tag};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::statuses::Tag;
use crate::domain::tags;
use crate::error::{AppError, AppResult};
use crate::http::auth::{MaybeUser, User, scope};
use crate::http::pagination::Paging;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/tags/{name}", get(show))
        .route("/api/v1/tags/{name}/follow", post(follow))
        .route("/api/v1/tags/{name}/unfollow", post(unfollow))
        .route("/api/v1/tags/{name}/feature", post(feature))
        .route("/api/v1/tags/{name}/unfeature", post(unfeature))
        .route("/api/v1/followed_tags", get(followed))
}

async fn answer(app: &App, tag: &Tag, reader: Option<i64>) -> AppResult<Json> {
    let entity = tag::render_one(app, tag, reader).await?;
    json(&entity.ok_or_else(AppError::not_found)?)
}

/// A tag that nobody used yet is shown as one with the id 0; 404 for what is no tag.
async fn show(
    State(app): State<App>,
    user: MaybeUser,
    Path(name): Path<String>,
) -> AppResult<Json> {
    let mut wanted = tags::parse(&app.ctx, &name).ok_or_else(AppError::not_found)?;
    let known = wanted.name.clone();
    let found = app
        .read(move |c| Box::pin(async move { Ok(db::statuses::tag_by_name(c, &known).await?) }))
        .await?;
    wanted.id = 0;
    let reader = user.account.as_ref().map(|account| account.id);
    answer(&app, &found.unwrap_or(wanted), reader).await
}

/// What may be done to a tag by its name.
macro_rules! verb {
    ($name:ident, $scope:ident, |$tx:ident, $ctx:ident, $account:ident, $tag:ident| $deed:expr) => {
        async fn $name(
            State(app): State<App>,
            user: User<scope::$scope>,
            Path(name): Path<String>,
        ) -> AppResult<Json> {
            let (ctx, account) = (app.ctx.clone(), user.account.clone());
            let tag = app
                .write(move |$tx| {
                    Box::pin(async move {
                        let ($ctx, $account, $tag) = (&ctx, &account, &name);
                        $deed.await
                    })
                })
                .await?;
            answer(&app, &tag, Some(user.account.id)).await
        }
    };
}

verb!(follow, WriteFollows, |tx, ctx, account, tag| tags::follow(
    tx, ctx, account, tag
));
verb!(unfollow, WriteFollows, |tx, ctx, account, tag| {
    tags::unfollow(tx, ctx, account, tag)
});
verb!(feature, WriteAccounts, |tx, ctx, account, tag| {
    tags::feature(tx, ctx, account, tag, false)
});
verb!(unfeature, WriteAccounts, |tx, ctx, account, tag| {
    tags::unfeature(tx, ctx, account, tag)
});

async fn followed(
    State(app): State<App>,
    user: User<scope::ReadFollows>,
    paging: Paging,
) -> AppResult<Response> {
    let page = paging.page(100, 200);
    let id = user.account.id;
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::tags::followed(c, id, page).await?) }))
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.0),
        rows.last().map(|row| row.0),
        rows.len() as i64 >= page.limit,
    );
    let tags: Vec<Tag> = rows.into_iter().map(|(_, tag)| tag).collect();
    let entities = tag::render(&app, &tags, Some(id)).await?;
    Ok((links, json(&entities)?).into_response())
}
