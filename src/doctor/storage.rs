//! The object store, where one is configured.

use std::time::Duration;

use bytes::Bytes;

use super::{Check, Patient};
use crate::client::{self, Budget, Client, GetOptions, Limits};
use crate::media::storage::{Key, PRIVATE_AREAS, Storage};

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);
const CONTENT: &[u8] = b"kith doctor";
/// An area that everybody may see.
const PUBLIC: &str = "previews";
/// What a bucket's list of its objects is called, by every store.
const LIST: &[u8] = b"<ListBucketResult";

/// Writes, reads and deletes a file, and looks what the public address gives out.
pub async fn check(patient: &Patient<'_>, checks: &mut Vec<Check>) {
    let config = patient.config;
    if config.s3.is_none() {
        checks.push(Check::skipped("storage", "files are in the data directory"));
        return;
    }
    let mark = u64::from_le_bytes(patient.random.bytes());
    let areas = std::iter::once(PUBLIC).chain(PRIVATE_AREAS);
    let keys: Result<Vec<Key>, _> = areas
        .map(|area| format!("{area}/doctor-{mark:016x}.png").parse())
        .collect();
    let (storage, keys) = match (Storage::open_configured(config).await, keys) {
        (Ok(storage), Ok(keys)) => (storage, keys),
        (Err(error), _) => return checks.push(failed(error)),
        (_, Err(error)) => return checks.push(failed(error)),
    };
    checks.push(match round(&storage, &keys).await {
        Ok(()) => match &config.storage_public_url {
            Some(base) => public(base, &keys).await,
            None => Check::ok(
                "storage",
                format!("{} takes files and gives them back", storage.name()),
            ),
        },
        Err(error) => failed(error),
    });
    for key in &keys {
        // Orphans of this kind are found by kith media verify.
        let _ = storage.delete(key).await;
    }
}

fn failed(error: impl std::fmt::Display) -> Check {
    Check::fail(
        "storage",
        error.to_string(),
        "Check KITH_STORAGE_URL and the keys; until it answers, uploads are refused and no file is shown",
    )
}

async fn round(storage: &Storage, keys: &[Key]) -> Result<(), String> {
    for key in keys {
        let content = Bytes::from_static(CONTENT);
        storage.put(key, content).await.map_err(|e| e.to_string())?;
        let read = storage.get(key).await.map_err(|e| e.to_string())?;
        if read.as_deref() != Some(CONTENT) {
            return Err(format!("{} gave something else back", storage.name()));
        }
    }
    Ok(())
}

/// What everybody may see is to be had there, what not everybody may see is not.
async fn public(base: &str, keys: &[Key]) -> Check {
    let client = Client::new(&client::Options {
        allow_private: true,
        user_agent: format!("Kith/{} (doctor)", env!("CARGO_PKG_VERSION")),
        ..client::Options::default()
    });
    let client = match client {
        Ok(client) => client,
        Err(error) => return failed(error),
    };
    let addresses = keys.iter().map(|key| (Some(key), format!("{base}/{key}")));
    let list = format!("{base}/?list-type=2&max-keys=1");
    for (key, url) in addresses.chain([(None, list)]) {
        let Ok(url) = url.parse() else {
            return failed(format!("{base} makes no addresses"));
        };
        let budget = Budget::new(Limits {
            requests: 3,
            bytes: 1 << 20,
            depth: 1,
            time: PATIENCE,
        });
        let options = GetOptions {
            accept: "*/*",
            max_bytes: 1 << 16,
            timeout: PATIENCE,
            ..GetOptions::default()
        };
        let answer = client.get(&url, &options, &budget).await;
        let body = match &answer {
            Ok(answer) if answer.status == 200 => &answer.body[..],
            _ => &[],
        };
        let Some(key) = key else {
            if body.windows(LIST.len()).any(|part| part == LIST) {
                return Check::fail(
                    "storage",
                    format!("{base} tells everybody what files there are"),
                    "Have the bucket's policy let nobody list it: names of files are what keeps some of them private",
                );
            }
            continue;
        };
        match (key.area(), body == CONTENT) {
            (PUBLIC, false) => {
                let told = match answer {
                    Ok(answer) => format!("it answers {}", answer.status),
                    Err(error) => error.to_string(),
                };
                return Check::fail(
                    "storage",
                    format!("{url}: {told}"),
                    "KITH_STORAGE_PUBLIC_URL does not lead to the bucket, or the bucket lets nobody read",
                );
            }
            (PUBLIC, true) | (_, false) => {}
            (area, true) => {
                return Check::fail(
                    "storage",
                    format!("{base} gives out files of {area}/ to whoever knows their names"),
                    "Have the bucket's policy keep archives/, chats/, remote/, remote-chats/ and uploads/ private",
                );
            }
        }
    }
    Check::ok(
        "storage",
        format!("files come back, and {base} gives out those that are public alone"),
    )
}
