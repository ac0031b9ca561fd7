//! The object store that media is kept in.

use std::collections::BTreeMap;

use url::Url;

/// A bucket, and how it is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct S3 {
    pub bucket: String,
    /// `None`: that of AWS in the region.
    pub endpoint: Option<Url>,
    pub region: String,
    /// Whether the bucket stands in the path of addresses, and not in the host.
    pub path_style: bool,
    pub keys: S3Keys,
}

/// What a store knows its client by. Never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct S3Keys {
    pub access: String,
    pub secret: String,
}

impl std::fmt::Debug for S3Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("S3Keys")
    }
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S3({})", self.name())
    }
}

impl S3 {
    /// Reads `s3://bucket?endpoint=…&region=…&path_style=true`.
    ///
    /// # Errors
    /// A line for an admin, which names no key.
    pub fn parse(text: &str, keys: &S3Keys) -> Result<S3, String> {
        const EXPECTED: &str = "expected s3://BUCKET?endpoint=…&region=…&path_style=true";
        let url = Url::parse(text).map_err(|_| EXPECTED.to_owned())?;
        let bucket = url.host_str().unwrap_or_default().to_owned();
        if url.scheme() != "s3" || bucket.is_empty() || !matches!(url.path(), "" | "/") {
            return Err(EXPECTED.to_owned());
        }
        if url.port().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(format!(
                "{EXPECTED}; keys stand in KITH_S3_ACCESS_KEY and KITH_S3_SECRET_KEY"
            ));
        }
        let fits = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        if !bucket.bytes().all(fits) {
            return Err(format!("{bucket:?} is no name of a bucket"));
        }
        let mut given = BTreeMap::new();
        for (name, value) in url.query_pairs() {
            if !matches!(&*name, "endpoint" | "region" | "path_style") {
                return Err(format!("{name:?} is unknown; {EXPECTED}"));
            }
            if given.insert(name.clone(), value).is_some() {
                return Err(format!("{name} is given twice"));
            }
        }
        let endpoint = match given.get("endpoint") {
            None => None,
            Some(text) => match Url::parse(text) {
                Ok(url)
                    if matches!(url.scheme(), "http" | "https")
                        && url.has_host()
                        && url.query().is_none()
                        && url.username().is_empty() =>
                {
                    Some(url)
                }
                _ => return Err(format!("the endpoint {text:?} is no http or https URL")),
            },
        };
        let path_style = match given.get("path_style").map(|text| &**text) {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => return Err(format!("path_style={other} is not true or false")),
        };
        let region = given.get("region").map_or("us-east-1", |text| &**text);
        if region.is_empty() || !region.bytes().all(fits) {
            return Err(format!("{region:?} is no name of a region"));
        }
        if keys.access.is_empty() || keys.secret.is_empty() {
            return Err("it needs KITH_S3_ACCESS_KEY and KITH_S3_SECRET_KEY".to_owned());
        }
        Ok(S3 {
            bucket,
            endpoint,
            region: region.to_owned(),
            path_style,
            keys: keys.clone(),
        })
    }

    /// Which bucket of which store, without keys.
    pub fn name(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("s3://{} at {}", self.bucket, authority(endpoint)),
            None => format!("s3://{} in {}", self.bucket, self.region),
        }
    }

    /// What requests go to, where it is not AWS: with the bucket in front, unless the path names it.
    pub fn endpoint_of_requests(&self) -> Option<String> {
        let endpoint = self.endpoint.as_ref()?;
        let text = endpoint.as_str().trim_end_matches('/');
        Some(match (self.path_style, text.split_once("://")) {
            (false, Some((scheme, rest))) => format!("{scheme}://{}.{rest}", self.bucket),
            _ => text.to_owned(),
        })
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &str) -> S3Keys {
        S3Keys {
            access: "id".to_owned(),
            secret: secret.to_owned(),
        }
    }

    fn read(text: &str) -> Result<S3, String> {
        S3::parse(text, &keys("very secret"))
    }

    #[test]
    fn a_bucket_is_read_with_what_is_said_of_it() {
        let s3 =
            read("s3://media?endpoint=http://127.0.0.1:9000&region=eu-1&path_style=true").unwrap();
        assert_eq!(
            (s3.bucket.as_str(), s3.region.as_str(), s3.path_style),
            ("media", "eu-1", true)
        );
        assert_eq!(s3.endpoint_of_requests().unwrap(), "http://127.0.0.1:9000");
        assert_eq!(s3.name(), "s3://media at 127.0.0.1:9000");
        let s3 = read("s3://media?endpoint=https%3A%2F%2Fs3.example%2F").unwrap();
        assert_eq!(
            s3.endpoint_of_requests().unwrap(),
            "https://media.s3.example"
        );
        let s3 = read("s3://media").unwrap();
        assert_eq!(
            (s3.endpoint_of_requests(), s3.region.as_str()),
            (None, "us-east-1")
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_keys_are_never_shown() {
        for bad in [
            "",
            "media",
            "https://media",
            "s3://",
            "s3://media/below",
            "s3://id:secret@media",
            "s3://Media Files",
            "s3://media?endpoint=ftp://a",
            "s3://media?endpoint=nowhere",
            "s3://media?path_style=maybe",
            "s3://media?path-style=true",
            "s3://media?region=a&region=b",
            "s3://media?region=a%20b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let error = S3::parse("s3://media", &keys("")).unwrap_err();
        assert!(error.contains("KITH_S3_SECRET_KEY"), "{error}");
        assert!(!format!("{:?}", read("s3://media")).contains("secret"));
    }
}
