//! `KITH_SMTP_URL`.

use url::Url;

/// When a connection to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// `smtp://`
    None,
    /// `smtp://…?starttls`: from the first command on, or not at all.
    StartTls,
    /// `smtps://`
    Whole,
}

/// The mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    /// User and password.
    pub credentials: Option<(String, String)>,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Smtp({}:{}, {:?})", self.host, self.port, self.tls)
    }
}

impl Smtp {
    /// Reads `smtp://[USER:PASSWORD@]HOST[:PORT][?starttls]` or `smtps://…`.
    pub fn parse(text: &str) -> Result<Smtp, String> {
        // The text may hold a password: it is not repeated.
        let url = Url::parse(text).map_err(|e| format!("no URL: {e}"))?;
        let starttls = match url.query() {
            None | Some("") => false,
            Some("starttls" | "starttls=true") => true,
            Some(other) => return Err(format!("{other:?} is not starttls")),
        };
        let (tls, usual) = match (url.scheme(), starttls) {
            ("smtp", false) => (SmtpTls::None, 25),
            ("smtp", true) => (SmtpTls::StartTls, 587),
            ("smtps", false) => (SmtpTls::Whole, 465),
            ("smtps", true) => return Err("smtps:// needs no starttls".to_owned()),
            (other, _) => return Err(format!("{other:?} is not smtp or smtps")),
        };
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or("the host is missing")?;
        if !matches!(url.path(), "" | "/") {
            return Err("there is nothing behind the host".to_owned());
        }
        let decoded = |text: &str| -> Result<String, String> {
            // As in a form, but for the plus sign.
            let text = text.replace('+', "%2B").replace('&', "%26");
            Ok(form_urlencoded::parse(text.as_bytes())
                .next()
                .map(|(name, _)| name.into_owned())
                .unwrap_or_default())
        };
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some((decoded(user)?, decoded(password.unwrap_or_default())?)),
        };
        Ok(Smtp {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(usual),
            tls,
            credentials,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_host_encryption_and_credentials() {
        let parse = |text: &str| {
            let smtp = Smtp::parse(text).unwrap();
            (smtp.host, smtp.port, smtp.tls, smtp.credentials)
        };
        let host = || "mail.example".to_owned();
        assert_eq!(
            parse("smtp://mail.example"),
            (host(), 25, SmtpTls::None, None)
        );
        assert_eq!(
            parse("smtp://a%40b:p%3Dq+r%26@mail.example:2525/?starttls"),
            (
                host(),
                2525,
                SmtpTls::StartTls,
                Some(("a@b".into(), "p=q+r&".into()))
            )
        );
        assert_eq!(
            parse("smtps://u:p@mail.example"),
            (host(), 465, SmtpTls::Whole, Some(("u".into(), "p".into())))
        );
        assert_eq!(parse("smtp://[::1]:25").0, "::1");
        for bad in [
            "mail.example",
            "http://mail.example",
            "smtp://",
            "smtp://mail.example?tls=no",
            "smtps://mail.example?starttls",
            "smtp://mail.example/path",
        ] {
            assert!(Smtp::parse(bad).is_err(), "{bad}");
        }
        let debug = format!("{:?}", Smtp::parse("smtps://u:secret@mail.example"));
        assert!(!debug.contains("secret"), "{debug}");
    }
}
