//! Settings: flag, then environment, then `kith.toml`, then default.
//!
//! [`SETTINGS`] is the one list they come from: names, defaults and the texts of the help and
//! of `kith.example.toml`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use url::Url;

use crate::media::av::Tools;

mod live;
mod media_urls;
mod s3;
mod secrets;
mod settings;
mod size;
mod smtp;
mod urls;

pub use live::{Changing, Live};
pub use media_urls::{MediaKey, is_remote, version_of};
pub use s3::{S3, S3Keys};
pub use secrets::Secrets;
pub use settings::{SETTINGS, Setting, example};
pub use smtp::{Smtp, SmtpTls};
pub use urls::is_loopback;

/// Why the settings will not do, in one line for an admin.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("unknown setting {0}")]
    Unknown(String),
    #[error("{0}: {1}")]
    Invalid(&'static str, String),
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
}

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    Open,
    Approval,
    Invite,
    Closed,
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// `ADDRESS:PORT`
    Tcp(String),
    /// `unix:PATH`
    Unix(PathBuf),
}

/// All settings, parsed and checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub data_dir: PathBuf,
    pub listen: Listen,
    /// What the world sees, without a trailing slash's path.
    pub public_url: Url,
    /// The domain in `@user@domain`.
    pub account_domain: String,
    pub database_url: String,
    pub sqlite_sync_full: bool,
    /// Holds a password: never shown.
    pub redis_url: Option<Url>,
    /// The access key and the secret key of the object store; empty where there is none.
    pub s3_keys: S3Keys,
    /// Where media is kept; `None`: in the data directory.
    pub s3: Option<S3>,
    /// Where clients fetch media that everybody may see, without a slash at its end; `None`: here.
    pub storage_public_url: Option<String>,
    /// `None`: every origin.
    pub cors_origins: Option<Vec<String>>,
    /// Where ffmpeg is, by the environment's `PATH`.
    pub ffmpeg: Option<Tools>,
    /// Signs addresses of copies; the server's own once the application is open.
    pub media_key: MediaKey,
    /// The translation service.
    pub translate_url: Option<Url>,
    pub translate_key: Option<String>,
    /// Where traces are sent, path and all; may hold a password: never shown.
    pub otlp_url: Option<Url>,
    pub federation_allow_private: bool,
    pub log_json: bool,
    /// What may change while the server runs.
    pub live: Live,
}

impl std::fmt::Display for IpNet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.first(), self.prefix)
    }
}

/// A range of addresses, `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpNet {
    address: IpAddr,
    prefix: u8,
}

impl IpNet {
    /// Reads an address, or a range of them.
    pub fn parse(text: &str) -> Option<IpNet> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse().ok()?, Some(prefix.parse::<u8>().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let whole = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let prefix = prefix.unwrap_or(whole);
        (prefix <= whole).then_some(IpNet { address, prefix })
    }

    /// The range of an address that begins with its first bits; `None` where it has not so many.
    pub fn new(address: IpAddr, prefix: u8) -> Option<IpNet> {
        let whole = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= whole).then_some(IpNet { address, prefix })
    }

    /// How many bits its addresses share.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Its first address.
    pub fn first(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix));
                std::net::Ipv4Addr::from_bits(v4.to_bits() & mask.unwrap_or(0)).into()
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix));
                std::net::Ipv6Addr::from_bits(v6.to_bits() & mask.unwrap_or(0)).into()
            }
        }
    }

    /// Whether the address is in the range. An IPv4 address mapped into IPv6 counts as itself.
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |a: IpAddr| match a.to_canonical() {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128),
        };
        let (ours, width) = bits(self.address);
        let (theirs, their_width) = bits(address);
        if width != their_width {
            return false;
        }
        self.prefix == 0 || (ours ^ theirs) >> (128 - u32::from(self.prefix)) == 0
    }
}

impl Config {
    /// Reads the settings: `flags` win over `env` (all of the environment), which wins over the
    /// file, which wins over the defaults. A setting nobody knows is an error.
    pub fn load(
        flags: BTreeMap<String, String>,
        env: impl Iterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Config, ConfigError> {
        let mut values: BTreeMap<&'static str, String> = BTreeMap::new();
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                values.insert(setting.name, default.to_owned());
            }
        }
        if let Some(path) = file {
            for (name, value) in read_file(path)? {
                let setting = find(&name)
                    .ok_or_else(|| ConfigError::Unknown(format!("{name} in {}", path.display())))?;
                values.insert(setting.name, value);
            }
        }
        let mut ffmpeg = None;
        for (name, value) in env {
            if name == "PATH" {
                ffmpeg = Tools::find(&value);
            } else if let Some(name) = name.strip_prefix("KITH_") {
                // What the test scripts say to each other is theirs.
                if name.starts_with("TEST_") || matches!(name, "SHARED" | "LONG" | "CONFIG") {
                    continue;
                }
                let setting = find(&name.to_lowercase())
                    .ok_or_else(|| ConfigError::Unknown(format!("KITH_{name}")))?;
                values.insert(setting.name, value);
            }
        }
        for (name, value) in flags {
            let setting = find(&name).ok_or(ConfigError::Unknown(name))?;
            values.insert(setting.name, value);
        }
        let mut config = Config::parse(&values)?;
        config.ffmpeg = ffmpeg;
        Ok(config)
    }

    fn parse(values: &BTreeMap<&'static str, String>) -> Result<Config, ConfigError> {
        let get = |name: &str| values.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
        let text = |name: &'static str| get(name).unwrap_or_default().to_owned();
        let flag = |variable: &'static str, name: &str| match get(name) {
            Some("true" | "1" | "yes" | "on") => Ok(true),
            Some("false" | "0" | "no" | "off") | None => Ok(false),
            Some(other) => Err(invalid(variable, format!("{other:?} is not true or false"))),
        };

        let public_url = urls::parse_public(&text("public_url"))
            .map_err(|reason| invalid("KITH_PUBLIC_URL", reason))?;
        let loopback = urls::is_loopback(&public_url);
        let account_domain = match get("account_domain") {
            Some(domain) => crate::text::names::normalize_domain(domain).ok_or_else(|| {
                invalid("KITH_ACCOUNT_DOMAIN", format!("{domain:?} is no domain"))
            })?,
            None => urls::authority(&public_url),
        };
        let data_dir = PathBuf::from(text("data_dir"));
        let database_url = get("database_url").map_or_else(
            || format!("sqlite:{}", data_dir.join("kith.db").display()),
            str::to_owned,
        );
        let listen = match text("listen") {
            path if path.starts_with("unix:") => Listen::Unix(PathBuf::from(&path[5..])),
            address
                if address
                    .rsplit_once(':')
                    .is_some_and(|(_, p)| p.parse::<u16>().is_ok()) =>
            {
                Listen::Tcp(address)
            }
            other => {
                return Err(invalid(
                    "KITH_LISTEN",
                    format!("{other:?} is neither ADDRESS:PORT nor unix:PATH"),
                ));
            }
        };
        let registration = match get("registration") {
            Some("open") => Registration::Open,
            Some("approval") => Registration::Approval,
            Some("invite") => Registration::Invite,
            Some("closed") => Registration::Closed,
            None if loopback => Registration::Open,
            None => Registration::Approval,
            Some(other) => {
                let reason = format!("{other:?} is not open, approval, invite or closed");
                return Err(invalid("KITH_REGISTRATION", reason));
            }
        };
        let trusted_proxies = text("trusted_proxies")
            .split(',')
            .map(str::trim)
            .filter(|range| !range.is_empty())
            .flat_map(|range| match range {
                "loopback" => vec![Ok("127.0.0.0/8"), Ok("::1")],
                other => vec![Ok::<_, ConfigError>(other)],
            })
            .map(|range| {
                let range = range?;
                IpNet::parse(range).ok_or_else(|| {
                    invalid(
                        "KITH_TRUSTED_PROXIES",
                        format!("{range:?} is no address range"),
                    )
                })
            })
            .collect::<Result<_, _>>()?;
        let cors_origins = match get("cors_origins") {
            Some("*") | None => None,
            Some(list) => Some(list.split(',').map(|o| o.trim().to_owned()).collect()),
        };
        let translate_url = match get("translate_url") {
            None => None,
            Some(text) => match Url::parse(text) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
                _ => {
                    return Err(invalid(
                        "KITH_TRANSLATE_URL",
                        format!("{text:?} is no http or https URL"),
                    ));
                }
            },
        };
        let otlp_url = match get("otlp_url") {
            None => None,
            Some(text) => Some(
                urls::parse_collector(text).map_err(|reason| invalid("KITH_OTLP_URL", reason))?,
            ),
        };
        let redis_url = match get("redis_url") {
            None => None,
            Some(text) => match Url::parse(text) {
                Ok(url)
                    if matches!(
                        url.scheme(),
                        "redis" | "rediss" | "redis+unix" | "unix" | "valkey" | "valkeys"
                    ) =>
                {
                    Some(url)
                }
                // What it holds besides may be a password.
                _ => {
                    return Err(invalid(
                        "KITH_REDIS_URL",
                        "expected redis://…, rediss://… or redis+unix:///PATH".to_owned(),
                    ));
                }
            },
        };
        let secret =
            |variable: &'static str, name: &str, file: &'static str, file_name: &str| match (
                get(name),
                get(file_name),
            ) {
                (Some(_), Some(_)) => Err(invalid(variable, format!("{file} is set as well"))),
                (Some(secret), None) => Ok(secret.to_owned()),
                (None, Some(path)) => std::fs::read_to_string(path)
                    .map(|secret| secret.trim().to_owned())
                    .map_err(|error| invalid(file, format!("{path}: {error}"))),
                (None, None) => Ok(String::new()),
            };
        let s3_keys = S3Keys {
            access: secret(
                "KITH_S3_ACCESS_KEY",
                "s3_access_key",
                "KITH_S3_ACCESS_KEY_FILE",
                "s3_access_key_file",
            )?,
            secret: secret(
                "KITH_S3_SECRET_KEY",
                "s3_secret_key",
                "KITH_S3_SECRET_KEY_FILE",
                "s3_secret_key_file",
            )?,
        };
        let s3 = match get("storage_url") {
            Some(text) => Some(
                S3::parse(text, &s3_keys).map_err(|reason| invalid("KITH_STORAGE_URL", reason))?,
            ),
            None => None,
        };
        let storage_public_url = match get("storage_public_url") {
            None => None,
            Some(text) => match Url::parse(text) {
                Ok(url)
                    if matches!(url.scheme(), "http" | "https")
                        && url.has_host()
                        && url.query().is_none()
                        && url.fragment().is_none() =>
                {
                    Some(url.as_str().trim_end_matches('/').to_owned())
                }
                _ => {
                    return Err(invalid(
                        "KITH_STORAGE_PUBLIC_URL",
                        format!("{text:?} is no http or https URL without a query"),
                    ));
                }
            },
        };
        let log_json = match get("log_format") {
            Some("json") => true,
            Some("text") | None => false,
            Some(other) => {
                return Err(invalid(
                    "KITH_LOG_FORMAT",
                    format!("{other:?} is not text or json"),
                ));
            }
        };
        let sqlite_sync_full = match get("sqlite_sync") {
            Some("full") => true,
            Some("normal") | None => false,
            Some(other) => {
                return Err(invalid(
                    "KITH_SQLITE_SYNC",
                    format!("{other:?} is not normal or full"),
                ));
            }
        };
        let smtp = match get("smtp_url") {
            Some(text) if !text.is_empty() => {
                Some(Smtp::parse(text).map_err(|reason| invalid("KITH_SMTP_URL", reason))?)
            }
            _ => None,
        };
        let mail_from = get("mail_from").map_or_else(
            || format!("kith@{}", public_url.host_str().unwrap_or("localhost")),
            str::to_owned,
        );
        let media_remote_limit = size::parse(&text("media_remote_limit"))
            .map_err(|reason| invalid("KITH_MEDIA_REMOTE_LIMIT", reason))?;
        let live = Changing {
            smtp,
            mail_from,
            metrics_token: get("metrics_token").map(str::to_owned),
            trusted_proxies,
            media_remote_limit,
            registration,
            email_verification: flag("KITH_EMAIL_VERIFICATION", "email_verification")?,
            authorized_fetch: flag("KITH_AUTHORIZED_FETCH", "authorized_fetch")?,
            rate_limit: flag("KITH_RATE_LIMIT", "rate_limit")?,
            log: text("log"),
        };
        Ok(Config {
            data_dir,
            listen,
            public_url,
            account_domain,
            database_url,
            sqlite_sync_full,
            redis_url,
            s3_keys,
            s3,
            storage_public_url,
            cors_origins,
            ffmpeg: None,
            media_key: MediaKey::derive(&[]),
            translate_url,
            otlp_url,
            translate_key: get("translate_key").map(str::to_owned),
            federation_allow_private: flag(
                "KITH_FEDERATION_ALLOW_PRIVATE",
                "federation_allow_private",
            )?,
            log_json,
            live: Live::new(live),
        })
    }
}

fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

fn invalid(variable: &'static str, reason: String) -> ConfigError {
    ConfigError::Invalid(variable, reason)
}

fn read_file(path: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    let failed = |reason: String| ConfigError::File {
        path: path.display().to_string(),
        reason: reason.lines().next().unwrap_or_default().to_owned(),
    };
    let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
    let table: toml::Table = text
        .parse()
        .map_err(|e: toml::de::Error| failed(e.message().to_owned()))?;
    table
        .into_iter()
        .map(|(name, value)| match value {
            toml::Value::String(text) => Ok((name, text)),
            toml::Value::Boolean(flag) => Ok((name, flag.to_string())),
            toml::Value::Integer(number) => Ok((name, number.to_string())),
            _ => Err(failed(format!(
                "{name} must be a text, a number or true or false"
            ))),
        })
        .collect()
}

#[cfg(test)]
mod tests;
