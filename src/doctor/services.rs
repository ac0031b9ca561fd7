//! The services that Kith uses where they are configured.

use super::{Check, Patient};
use crate::events::bus;
use crate::smtp;

/// Asks Redis, the mail server and ffmpeg whether they are there.
pub async fn checks(patient: &Patient<'_>, checks: &mut Vec<Check>) {
    let config = patient.config;
    checks.push(match &config.redis_url {
        None => Check::skipped("redis", "it is not configured"),
        Some(url) => match bus::ping(url).await {
            Ok(()) => Check::ok("redis", "it answers"),
            Err(reason) => Check::fail(
                "redis",
                reason,
                "Check KITH_REDIS_URL; until it answers, processes hear of each other by the database",
            ),
        },
    });
    let live = config.live.now();
    checks.push(match &live.smtp {
        None => Check::skipped("smtp", "it is not configured: mail is written to files"),
        Some(server) => match smtp::greet(server, &live.mail_from).await {
            Ok(()) => Check::ok("smtp", format!("{} takes mail", server.host)),
            Err(error) => Check::fail(
                "smtp",
                format!("{}: {error}", server.host),
                "Check KITH_SMTP_URL; codes for signing up do not reach anybody until it answers",
            ),
        },
    });
    checks.push(match &config.ffmpeg {
        Some(tools) => Check::ok("ffmpeg", format!("{} is there", tools.ffmpeg.display())),
        None => Check::warn(
            "ffmpeg",
            "ffmpeg and ffprobe are not in the PATH: uploads are pictures alone",
            "Install ffmpeg",
        ),
    });
}
