//! People who may administer.

use kith::db;

use super::{Person, Server};

/// What a token for everything that staff may do has.
const SCOPES: &str = "read write follow push profile admin:read admin:write";

impl Server {
    /// A user with a role, with a token that may do everything.
    pub async fn staff(&self, name: &str, role: &str) -> Person {
        let mut person = self.person(name).await;
        let (id, role) = (person.account.id, role.to_owned());
        self.app
            .write(move |tx| {
                Box::pin(async move {
                    let mut user = db::users::by_account(tx, id).await?.expect("a user");
                    user.role = role;
                    Ok(db::users::update(tx, &user).await?)
                })
            })
            .await
            .expect("the role is given");
        person.token = self.token(&person, SCOPES).await;
        person
    }
}
