//! The list of settings.

/// One setting: `name` in `kith.toml`, `variable` in the environment, `--name-with-dashes` as flag.
#[derive(Debug)]
pub struct Setting {
    pub name: &'static str,
    pub variable: &'static str,
    /// `None`: unset, or derived from other settings as `help` says.
    pub default: Option<&'static str>,
    pub help: &'static str,
}

macro_rules! setting {
    ($name:literal, $variable:literal, $default:expr, $help:literal) => {
        Setting {
            name: $name,
            variable: $variable,
            default: $default,
            help: $help,
        }
    };
}

/// Every setting of the contract.
pub const SETTINGS: &[Setting] = &[
    setting!(
        "data_dir",
        "KITH_DATA_DIR",
        Some("./data"),
        "Everything embedded mode keeps: kith.db, media/, secrets.toml"
    ),
    setting!(
        "listen",
        "KITH_LISTEN",
        Some("127.0.0.1:8080"),
        "Listen address: ADDRESS:PORT, or unix:PATH"
    ),
    setting!(
        "public_url",
        "KITH_PUBLIC_URL",
        Some("http://localhost:8080"),
        "What the world sees; ids are built from it. https everywhere but on loopback"
    ),
    setting!(
        "account_domain",
        "KITH_ACCOUNT_DOMAIN",
        None,
        "The domain in @user@domain, when it differs from the public URL's host"
    ),
    setting!(
        "database_url",
        "KITH_DATABASE_URL",
        None,
        "sqlite:PATH or postgres://…; default sqlite:DATA_DIR/kith.db"
    ),
    setting!(
        "sqlite_sync",
        "KITH_SQLITE_SYNC",
        Some("normal"),
        "normal survives the death of the process, full also the loss of power"
    ),
    setting!(
        "redis_url",
        "KITH_REDIS_URL",
        None,
        "redis://…, rediss://… or redis+unix:///PATH: tells the processes of one server at once what happens"
    ),
    setting!(
        "storage_url",
        "KITH_STORAGE_URL",
        None,
        "s3://BUCKET?endpoint=…&region=…&path_style=true: keeps media in an object store; unset, in DATA_DIR/media"
    ),
    setting!(
        "s3_access_key",
        "KITH_S3_ACCESS_KEY",
        None,
        "Access key of the object store"
    ),
    setting!(
        "s3_secret_key",
        "KITH_S3_SECRET_KEY",
        None,
        "Secret key of the object store"
    ),
    setting!(
        "s3_access_key_file",
        "KITH_S3_ACCESS_KEY_FILE",
        None,
        "File that holds the access key"
    ),
    setting!(
        "s3_secret_key_file",
        "KITH_S3_SECRET_KEY_FILE",
        None,
        "File that holds the secret key"
    ),
    setting!(
        "storage_public_url",
        "KITH_STORAGE_PUBLIC_URL",
        None,
        "Where clients fetch media that everybody may see: a CDN in front of the bucket, or of this server's /media"
    ),
    setting!(
        "smtp_url",
        "KITH_SMTP_URL",
        None,
        "smtp://[USER:PASSWORD@]HOST[:PORT], with ?starttls at its end, or smtps://…; unset, mail is written to DATA_DIR/mail/*.eml"
    ),
    setting!(
        "mail_from",
        "KITH_MAIL_FROM",
        None,
        "Sender of mail; default kith@HOST"
    ),
    setting!(
        "trusted_proxies",
        "KITH_TRUSTED_PROXIES",
        Some("loopback"),
        "Whose X-Forwarded-For and -Proto count: address ranges, by commas"
    ),
    setting!(
        "cors_origins",
        "KITH_CORS_ORIGINS",
        Some("*"),
        "Origins that web clients may come from, by commas; credentials are never allowed"
    ),
    setting!(
        "translate_url",
        "KITH_TRANSLATE_URL",
        None,
        "A LibreTranslate-compatible service, by the address that /translate and /languages stand under"
    ),
    setting!("translate_key", "KITH_TRANSLATE_KEY", None, "Its key"),
    setting!(
        "metrics_token",
        "KITH_METRICS_TOKEN",
        None,
        "Bearer token for /metrics from elsewhere than loopback"
    ),
    setting!(
        "media_remote_limit",
        "KITH_MEDIA_REMOTE_LIMIT",
        Some("10GiB"),
        "Cap of cached remote media: what was not looked at for longest goes first"
    ),
    setting!(
        "otlp_url",
        "KITH_OTLP_URL",
        None,
        "http://[USER:PASSWORD@]HOST:4318 or https://…: a collector that takes traces by OTLP over HTTP; unset, there are none"
    ),
    setting!(
        "registration",
        "KITH_REGISTRATION",
        None,
        "open, approval, invite or closed; default open on loopback, else approval"
    ),
    setting!(
        "email_verification",
        "KITH_EMAIL_VERIFICATION",
        Some("true"),
        "Unverified users can do nothing but verify"
    ),
    setting!(
        "federation_allow_private",
        "KITH_FEDERATION_ALLOW_PRIVATE",
        Some("false"),
        "Lets fetches reach private and loopback addresses over plain http: tests and local trials only"
    ),
    setting!(
        "authorized_fetch",
        "KITH_AUTHORIZED_FETCH",
        Some("false"),
        "Require a signature on every ActivityPub GET"
    ),
    setting!(
        "rate_limit",
        "KITH_RATE_LIMIT",
        Some("true"),
        "false for load tests"
    ),
    setting!(
        "log",
        "KITH_LOG",
        Some("info"),
        "What is logged: a tracing filter"
    ),
    setting!(
        "log_format",
        "KITH_LOG_FORMAT",
        Some("text"),
        "text or json"
    ),
];

/// The text of `kith.example.toml`.
pub fn example() -> String {
    let mut text = String::from(
        "# Settings of Kith. Each can also be given as a flag (--data-dir) or in the\n\
         # environment (KITH_DATA_DIR); a flag wins over the environment, which wins over this file.\n",
    );
    for setting in SETTINGS {
        let value = setting.default.unwrap_or_default();
        text.push_str(&format!(
            "\n# {}\n# {} = {value:?}\n",
            setting.help, setting.name
        ));
    }
    text
}
