//! Mail over SMTP, to the server that the operator configured.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use crate::config::{Smtp, SmtpTls};

/// For each answer of the server.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a letter did not leave.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    #[error("{0:?} is no e-mail address")]
    Address(String),
    #[error("the mail server does not answer as one")]
    Silent,
    #[error("the mail server: {0}")]
    Server(#[from] lettre::transport::smtp::Error),
}

impl SmtpError {
    /// Whether the letter is refused for good. That the server does not know us (RFC 4954) may
    /// be mended.
    pub fn will_not_pass(&self) -> bool {
        match self {
            SmtpError::Address(_) => true,
            SmtpError::Silent => false,
            SmtpError::Server(error) => {
                let code = error.status().map(u16::from);
                error.is_permanent() && !matches!(code, Some(530 | 534 | 535 | 538))
            }
        }
    }
}

/// Sends one message (RFC 5322) over a connection of its own.
pub async fn send(server: &Smtp, from: &str, to: &str, message: &str) -> Result<(), SmtpError> {
    let envelope = Envelope::new(Some(address(from)?), vec![address(to)?])
        .map_err(|_| SmtpError::Address(to.to_owned()))?;
    transport(server, from)?
        .send_raw(&envelope, message.as_bytes())
        .await?;
    Ok(())
}

/// Connects and signs in as for a message, and sends none.
pub async fn greet(server: &Smtp, from: &str) -> Result<(), SmtpError> {
    match transport(server, from)?.test_connection().await? {
        true => Ok(()),
        false => Err(SmtpError::Silent),
    }
}

fn transport(server: &Smtp, from: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, SmtpError> {
    let tls = match server.tls {
        SmtpTls::None => Tls::None,
        SmtpTls::StartTls => Tls::Required(TlsParameters::new(server.host.clone())?),
        SmtpTls::Whole => Tls::Wrapper(TlsParameters::new(server.host.clone())?),
    };
    let domain = from
        .trim_end_matches('>')
        .rsplit_once('@')
        .map_or("localhost", |(_, domain)| domain);
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
        .port(server.port)
        .tls(tls)
        .hello_name(ClientId::Domain(domain.to_owned()))
        .timeout(Some(TIMEOUT));
    if let Some((user, password)) = &server.credentials {
        transport = transport.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(transport.build())
}

/// The bare address of `a@b.example` or `Name <a@b.example>`.
fn address(text: &str) -> Result<Address, SmtpError> {
    let bare = match text.rsplit_once('<') {
        Some((_, rest)) => rest.trim_end().trim_end_matches('>'),
        None => text,
    };
    bare.trim()
        .parse()
        .map_err(|_| SmtpError::Address(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_name_before_it() {
        for text in ["a@b.example", "Kith <a@b.example>", " a@b.example "] {
            assert_eq!(address(text).unwrap().to_string(), "a@b.example");
        }
        assert!(address("nobody").unwrap_err().will_not_pass());
    }
}
