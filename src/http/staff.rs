//! Who may administer: an extractor that names the permission and the scope a handler needs.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::auth::{Scope, User};
use crate::app::App;
use crate::db;
use crate::domain::users::Role;
use crate::error::{AppError, AppResult};

/// A permission, as a type. The names are Mastodon's (documentation, entities/Role).
pub trait Permission: Send + Sync + 'static {
    /// Whether moderators have it, as Mastodon's do from the start; admins have all.
    const MODERATORS: bool;
}

/// The permissions that handlers name.
pub mod may {
    use super::Permission;

    macro_rules! permissions {
        ($($(#[$doc:meta])* $name:ident = $moderators:literal,)*) => {$(
            $(#[$doc])*
            pub struct $name;

            impl Permission for $name {
                const MODERATORS: bool = $moderators;
            }
        )*};
    }

    permissions! {
        /// To see numbers about the server.
        ViewDashboard = true,
        /// To review what trends, and tags.
        ManageTaxonomies = true,
        /// To block and allow other servers.
        ManageFederation = false,
        /// To keep addresses and providers from registering.
        ManageBlocks = false,
    }
}

/// A signed-in user who has permission `P` and whose token has scope `S`.
pub struct Staff<P, S> {
    pub user: User<S>,
    permission: PhantomData<P>,
}

/// Whether a user with a role has a permission.
fn holds<P: Permission>(role: Role) -> bool {
    role == Role::Admin || (role == Role::Moderator && P::MODERATORS)
}

impl<P: Permission, S: Scope> FromRequestParts<App> for Staff<P, S> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> AppResult<Self> {
        let user = User::from_request_parts(parts, app).await?;
        let id = user.account.id;
        let role = app
            .read(move |c| Box::pin(async move { Ok(db::users::by_account(c, id).await?) }))
            .await?
            .and_then(|row| Role::parse(&row.role));
        if !role.is_some_and(holds::<P>) {
            return Err(AppError::forbidden("This action is not allowed"));
        }
        Ok(Staff {
            user,
            permission: PhantomData,
        })
    }
}
