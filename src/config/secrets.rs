//! `secrets.toml`: made once, at first start.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::random::Random;

/// What only this server knows.
#[derive(Clone)]
pub struct Secrets {
    /// Signs access tokens (HS256).
    pub token_key: Vec<u8>,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    token_key: String,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// Reads `secrets.toml` in the data directory, or makes it (mode 0600).
    /// The error is one line for an admin.
    pub fn load(data_dir: &Path, random: &Random) -> Result<Secrets, String> {
        let path = data_dir.join("secrets.toml");
        let failed = |reason: String| format!("{}: {reason}", path.display());
        std::fs::create_dir_all(data_dir)
            .map_err(|e| format!("cannot create {}: {e}", data_dir.display()))?;
        for _ in 0..2 {
            match std::fs::read_to_string(&path) {
                Ok(text) => return Secrets::parse(&text).map_err(failed),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    Secrets::create(data_dir, &path, random).map_err(|e| failed(e.to_string()))?;
                }
                Err(error) => return Err(failed(error.to_string())),
            }
        }
        Err(failed("cannot be created".to_owned()))
    }

    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Secrets, String> {
        let file: File = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        let token_key = STANDARD
            .decode(file.token_key)
            .map_err(|e| format!("token_key: {e}"))?;
        Ok(Secrets { token_key })
    }

    /// Writes beside, syncs, then links into place: whoever comes second keeps the first's.
    fn create(data_dir: &Path, path: &Path, random: &Random) -> std::io::Result<()> {
        let file = File {
            token_key: STANDARD.encode(random.bytes::<32>()),
        };
        let text = toml::to_string(&file).map_err(std::io::Error::other)?;
        let beside = data_dir.join(format!(
            ".secrets-{}.tmp",
            u64::from_le_bytes(random.bytes())
        ));
        let mut out = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        let linked = std::fs::hard_link(&beside, path);
        std::fs::remove_file(&beside)?;
        match linked {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }
}
