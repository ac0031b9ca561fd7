//! Keys of actors that live here. Every actor signs its requests with RSA, which every server can
//! check, and its public activities with Ed25519 (FEP-521a, FEP-8b32).

use std::sync::Arc;

use super::signature::{KeyError, KeyType, PrivateKey};
use super::value::without_fragment;
use crate::app::App;
use crate::db;
use crate::db::accounts::AccountKey;
use crate::domain::accounts::{self, INSTANCE_ACTOR, KeyPair, KeySource};
use crate::error::{AppError, AppResult};

/// A local actor's key, parsed once.
#[derive(Debug, Clone)]
pub struct SigningKey {
    pub key_id: String,
    pub key: PrivateKey,
}

/// What a local actor signs with.
#[derive(Debug, Clone)]
pub struct LocalKeys {
    /// RSA: for requests.
    pub request: SigningKey,
    /// Ed25519: for proofs.
    pub proof: SigningKey,
}

/// Where the RSA keys of a real server come from: new ones, of 2,048 bits.
pub fn source() -> KeySource {
    let new = || {
        let key = PrivateKey::generate_rsa2048()?;
        Ok(KeyPair {
            private: key.to_pem()?,
            public: key.public_key().to_pem(),
        })
    };
    KeySource::new(move || new().map_err(|error: KeyError| AppError::internal(error)))
}

/// The keys of a local account, from memory where they are there; `None` for one without. The
/// Ed25519 key is made when it is first asked for.
pub async fn of(app: &App, account_id: i64) -> AppResult<Option<Arc<LocalKeys>>> {
    if let Some(keys) = app.caches.signing.get(&account_id) {
        return Ok(Some(keys));
    }
    let ticket = app.caches.signing.ticket();
    let mut rows = read(app, account_id).await?;
    let Some(request) = first(&rows, KeyType::Rsa)? else {
        return Ok(None);
    };
    let mut proof = first(&rows, KeyType::Ed25519)?;
    if proof.is_none() {
        add_proof_key(app, account_id, &request.key_id).await?;
        // Another process may have been quicker.
        rows = read(app, account_id).await?;
        proof = first(&rows, KeyType::Ed25519)?;
    }
    let Some(proof) = proof else {
        return Err(missing("a local actor has no Ed25519 key"));
    };
    let keys = Arc::new(LocalKeys { request, proof });
    app.caches.signing.put(ticket, account_id, keys.clone());
    Ok(Some(keys))
}

/// Makes sure that the actor is there which stands for the server and signs its fetches.
pub async fn ensure_instance(app: &App) -> AppResult<()> {
    if has_instance(app).await? {
        return Ok(());
    }
    let keys = app.keys.next().await?;
    let ctx = app.ctx.clone();
    let made = app
        .write(move |tx| {
            Box::pin(async move {
                accounts::create_local(tx, &ctx, INSTANCE_ACTOR, "Application", &keys)
                    .await
                    .map(|_| ())
            })
        })
        .await;
    match made {
        // Another process was quicker.
        Err(_) if has_instance(app).await? => Ok(()),
        made => made,
    }
}

async fn has_instance(app: &App) -> AppResult<bool> {
    app.read(|c| {
        Box::pin(async move {
            let known = db::accounts::by_handle(c, INSTANCE_ACTOR, "").await?;
            Ok(known.is_some())
        })
    })
    .await
}

/// The keys of the actor that stands for this server and signs what it fetches.
pub async fn instance(app: &App) -> AppResult<Arc<LocalKeys>> {
    // No account has the id 0: the place of the instance actor's keys.
    const INSTANCE: i64 = 0;
    if let Some(keys) = app.caches.signing.get(&INSTANCE) {
        return Ok(keys);
    }
    let ticket = app.caches.signing.ticket();
    let actor = app
        .read(|c| {
            Box::pin(async move { Ok(db::accounts::by_handle(c, INSTANCE_ACTOR, "").await?) })
        })
        .await?
        .ok_or_else(|| missing("there is no instance actor"))?;
    let keys = of(app, actor.id)
        .await?
        .ok_or_else(|| missing("the instance actor has no key"))?;
    app.caches.signing.put(ticket, INSTANCE, keys.clone());
    Ok(keys)
}

fn missing(what: &'static str) -> AppError {
    AppError::internal(anyhow::anyhow!(what))
}

async fn read(app: &App, account_id: i64) -> AppResult<Vec<AccountKey>> {
    app.read(move |c| Box::pin(async move { Ok(db::accounts::keys_of(c, account_id).await?) }))
        .await
}

/// The oldest key of a type that has its private half.
fn first(rows: &[AccountKey], key_type: KeyType) -> AppResult<Option<SigningKey>> {
    for row in rows {
        let Some(pem) = &row.private_key else {
            continue;
        };
        let key = PrivateKey::from_pem(pem).map_err(AppError::internal)?;
        if key.key_type() == key_type {
            return Ok(Some(SigningKey {
                key_id: row.key_id.clone(),
                key,
            }));
        }
    }
    Ok(None)
}

async fn add_proof_key(app: &App, account_id: i64, beside: &str) -> AppResult<()> {
    let key = PrivateKey::from_ed25519_seed(&app.random.bytes()).map_err(AppError::internal)?;
    let row = AccountKey {
        key_id: format!("{}#ed25519-key", without_fragment(beside)),
        account_id,
        public_key: key.public_key().to_multikey(),
        private_key: Some(key.to_pem().map_err(AppError::internal)?),
        created_at: app.clock.now_ms(),
    };
    app.write(move |tx| Box::pin(async move { Ok(db::accounts::add_key(tx, &row).await?) }))
        .await
}
