use super::*;

fn load(env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::load(BTreeMap::new(), env, None)
}

#[test]
fn defaults_are_the_contract() {
    let config = load(&[]).unwrap();
    assert_eq!(config.listen, Listen::Tcp("127.0.0.1:8080".into()));
    assert_eq!(config.account_domain, "localhost:8080");
    assert_eq!(config.database_url, "sqlite:./data/kith.db");
    assert_eq!(config.live.now().registration, Registration::Open);
    assert_eq!(config.live.now().media_remote_limit, 10 << 30);
    assert!(config.live.now().email_verification && config.live.now().rate_limit);
    assert!(!config.federation_allow_private && !config.live.now().authorized_fetch);
}

#[test]
fn registration_needs_approval_on_a_public_host() {
    let config = load(&[("KITH_PUBLIC_URL", "https://kith.example")]).unwrap();
    assert_eq!(config.live.now().registration, Registration::Approval);
    assert_eq!(config.account_domain, "kith.example");
}

#[test]
fn a_flag_wins_over_the_environment() {
    let flags = BTreeMap::from([("listen".to_owned(), "127.0.0.1:1".to_owned())]);
    let env = [("KITH_LISTEN".to_owned(), "127.0.0.1:2".to_owned())];
    let config = Config::load(flags, env.into_iter(), None).unwrap();
    assert_eq!(config.listen, Listen::Tcp("127.0.0.1:1".into()));
}

#[test]
fn what_will_not_do_is_named() {
    for (name, value) in [
        ("KITH_NONSENSE", "1"),
        ("KITH_PUBLIC_URL", "http://kith.example"),
        ("KITH_PUBLIC_URL", "https://kith.example/path"),
        ("KITH_LISTEN", "nowhere"),
        ("KITH_RATE_LIMIT", "maybe"),
        ("KITH_REGISTRATION", "sometimes"),
        ("KITH_TRUSTED_PROXIES", "10.0.0.0/99"),
        ("KITH_REDIS_URL", "http://localhost"),
        ("KITH_SMTP_URL", "mail.example"),
        ("KITH_MEDIA_REMOTE_LIMIT", "a lot"),
        ("KITH_TRANSLATE_URL", "libretranslate"),
        ("KITH_OTLP_URL", "collector:4318"),
    ] {
        let error = load(&[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        assert!(!error.contains('\n'));
    }
}

#[test]
fn a_collector_is_asked_at_its_own_path() {
    for (given, asked) in [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        (
            "https://1:secret@otlp.example/otlp/v1/traces",
            "https://1:secret@otlp.example/otlp/v1/traces",
        ),
    ] {
        let config = load(&[("KITH_OTLP_URL", given)]).unwrap();
        assert_eq!(config.otlp_url.unwrap().as_str(), asked);
    }
    let error = load(&[("KITH_OTLP_URL", "1:secret@collector")]).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn ranges_hold_their_addresses() {
    let range = IpNet::parse("10.1.0.0/16").unwrap();
    assert!(range.contains("10.1.2.3".parse().unwrap()));
    assert!(range.contains("::ffff:10.1.2.3".parse().unwrap()));
    assert!(!range.contains("10.2.2.3".parse().unwrap()));
    assert!(!range.contains("::1".parse().unwrap()));
}

#[test]
fn the_example_file_is_current() {
    let stored = include_str!("../../kith.example.toml");
    assert_eq!(
        stored,
        example(),
        "run: kith config-example > kith.example.toml"
    );
}
