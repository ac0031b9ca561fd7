//! Who may administer: an extractor that names the permission and the scope a handler needs.

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::auth::{Scope, Staff};
use crate::app::App;
use crate::domain::moderation;
use crate::error::{AppError, AppResult};

/// A permission, as a type.
pub trait Permission: Send + Sync + 'static {
    const PERMISSION: moderation::Permission;
}

/// The permissions that handlers name.
pub mod may {
    use super::Permission;
    use crate::domain::moderation;

    macro_rules! permissions {
        ($($(#[$doc:meta])* $name:ident,)*) => {$(
            $(#[$doc])*
            pub struct $name;

            impl Permission for $name {
                const PERMISSION: moderation::Permission = moderation::Permission::$name;
            }
        )*};
    }

    permissions! {
        /// To see numbers about the server.
        ViewDashboard,
        /// To review what trends, and tags.
        ManageTaxonomies,
        /// To block and allow other servers.
        ManageFederation,
        /// To keep addresses and providers from registering.
        ManageBlocks,
    }
}

/// One of the staff whose role holds permission `P` and whose token has scope `S`.
pub struct Permitted<P, S> {
    pub staff: Staff<S>,
    permission: std::marker::PhantomData<P>,
}

impl<P: Permission, S: Scope> FromRequestParts<App> for Permitted<P, S> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> AppResult<Self> {
        let staff = Staff::from_request_parts(parts, app).await?;
        staff.must(P::PERMISSION)?;
        Ok(Permitted {
            staff,
            permission: std::marker::PhantomData,
        })
    }
}
