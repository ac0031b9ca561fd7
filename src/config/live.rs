//! Settings that a running server takes up anew when it is told to read them again.

use std::sync::{Arc, PoisonError, RwLock};

use super::{Config, IpNet, Registration, Smtp};

/// Settings that may change while the server runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changing {
    /// `None`: mail is written to files.
    pub smtp: Option<Smtp>,
    pub mail_from: String,
    /// Whoever bears it may read `/metrics` from anywhere.
    pub metrics_token: Option<String>,
    pub trusted_proxies: Vec<IpNet>,
    /// Bytes of copies of files from elsewhere.
    pub media_remote_limit: u64,
    pub registration: Registration,
    pub email_verification: bool,
    pub authorized_fetch: bool,
    pub rate_limit: bool,
    pub log: String,
}

/// The settings of [`Changing`] as they are now, shared by all who hold the configuration.
#[derive(Debug, Clone)]
pub struct Live(Arc<RwLock<Arc<Changing>>>);

impl Live {
    pub(super) fn new(first: Changing) -> Live {
        Live(Arc::new(RwLock::new(Arc::new(first))))
    }

    /// As they are now.
    pub fn now(&self) -> Arc<Changing> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// As they are from now on.
    pub fn set(&self, next: Arc<Changing>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

/// The variables of those of some pairs that differ.
fn differing(pairs: &[(&'static str, bool)]) -> Vec<&'static str> {
    let differ = pairs.iter().filter(|(_, differs)| *differs);
    differ.map(|(variable, _)| *variable).collect()
}

impl Changing {
    /// The variables of settings that are others in `next`.
    pub fn differences(&self, next: &Changing) -> Vec<&'static str> {
        // Whole, so that none is forgotten.
        let Changing {
            smtp,
            mail_from,
            metrics_token,
            trusted_proxies,
            media_remote_limit,
            registration,
            email_verification,
            authorized_fetch,
            rate_limit,
            log,
        } = self;
        differing(&[
            ("KITH_SMTP_URL", *smtp != next.smtp),
            ("KITH_MAIL_FROM", *mail_from != next.mail_from),
            ("KITH_METRICS_TOKEN", *metrics_token != next.metrics_token),
            (
                "KITH_TRUSTED_PROXIES",
                *trusted_proxies != next.trusted_proxies,
            ),
            (
                "KITH_MEDIA_REMOTE_LIMIT",
                *media_remote_limit != next.media_remote_limit,
            ),
            ("KITH_REGISTRATION", *registration != next.registration),
            (
                "KITH_EMAIL_VERIFICATION",
                *email_verification != next.email_verification,
            ),
            (
                "KITH_AUTHORIZED_FETCH",
                *authorized_fetch != next.authorized_fetch,
            ),
            ("KITH_RATE_LIMIT", *rate_limit != next.rate_limit),
            ("KITH_LOG", *log != next.log),
        ])
    }
}

impl Config {
    /// The variables of settings that are others in `next` and hold from the next start on alone.
    pub fn needing_restart(&self, next: &Config) -> Vec<&'static str> {
        let Config {
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
            // The environment's, and made when the application opens.
            ffmpeg: _,
            media_key: _,
            translate_url,
            translate_key,
            otlp_url,
            federation_allow_private,
            log_json,
            live: _,
        } = self;
        differing(&[
            ("KITH_DATA_DIR", *data_dir != next.data_dir),
            ("KITH_LISTEN", *listen != next.listen),
            ("KITH_PUBLIC_URL", *public_url != next.public_url),
            (
                "KITH_ACCOUNT_DOMAIN",
                *account_domain != next.account_domain,
            ),
            ("KITH_DATABASE_URL", *database_url != next.database_url),
            (
                "KITH_SQLITE_SYNC",
                *sqlite_sync_full != next.sqlite_sync_full,
            ),
            ("KITH_REDIS_URL", *redis_url != next.redis_url),
            ("KITH_STORAGE_URL", *s3 != next.s3),
            (
                "KITH_S3_ACCESS_KEY or KITH_S3_SECRET_KEY",
                *s3_keys != next.s3_keys,
            ),
            (
                "KITH_STORAGE_PUBLIC_URL",
                *storage_public_url != next.storage_public_url,
            ),
            ("KITH_CORS_ORIGINS", *cors_origins != next.cors_origins),
            ("KITH_TRANSLATE_URL", *translate_url != next.translate_url),
            ("KITH_TRANSLATE_KEY", *translate_key != next.translate_key),
            ("KITH_OTLP_URL", *otlp_url != next.otlp_url),
            (
                "KITH_FEDERATION_ALLOW_PRIVATE",
                *federation_allow_private != next.federation_allow_private,
            ),
            ("KITH_LOG_FORMAT", *log_json != next.log_json),
        ])
    }
}
