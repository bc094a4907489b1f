//! Settings: what they are called, what they mean, and what is refused.
//!
//! The only place that knows `POTTS_*`. Every setting is an environment variable and, with the same
//! words, a flag of `serve`; the flag wins. Nothing here binds or opens anything.

mod source;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use source::Source;
pub use source::{Lookup, environment};

/// What a wrong setting ends the program with: `EX_CONFIG` of sysexits.h.
pub const EXIT_CODE: u8 = 78;

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{variable}={value}: {cause}")]
pub struct Error {
    /// Which.
    pub variable: &'static str,
    /// What it is set to; secrets are masked.
    pub value: String,
    /// What is wrong with it.
    pub cause: String,
}

macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])*
        $field:ident = $variable:literal, $value:literal, $default:literal;
    )*) => {
        /// The settings as flags.
        #[derive(Clone, Debug, Default, clap::Args)]
        pub struct Flags {
            $(
                $(#[doc = $doc])*
                #[arg(
                    long,
                    value_name = $value,
                    help = concat!(
                        $($doc,)* " [env: ", $variable, "] [default: ", $default, "]"
                    ).trim()
                )]
                pub $field: Option<String>,
            )*
        }

        impl Flags {
            fn get(&self, variable: &str) -> Option<&str> {
                match variable {
                    $($variable => self.$field.as_deref(),)*
                    _ => None,
                }
            }
        }

        /// Every variable, in the order in which they are shown.
        pub const VARIABLES: &[&str] = &[$($variable,)*];
    };
}

settings! {
    /// The database: `postgres://user:password@host:port/name`, or `key=value` words as libpq takes
    /// them. Without it a private PostgreSQL is started in the data directory.
    database_url = "POTTS_DATABASE_URL", "URL", "a private PostgreSQL";
    /// Where the private PostgreSQL and the generated root token are kept.
    data_dir = "POTTS_DATA_DIR", "DIR", "/var/lib/potts for root, else ~/.local/share/potts";
    /// Where gRPC is served. Port 0 picks a free one, and the log names it.
    grpc_addr = "POTTS_GRPC_ADDR", "ADDR", "127.0.0.1:50051";
    /// Where /healthz, /readyz and /metrics are served. Port 0 picks a free one.
    http_addr = "POTTS_HTTP_ADDR", "ADDR", "127.0.0.1:8080";
    /// The token that may do everything, at least 16 characters. Without it one is generated into
    /// the file `root-token` of the data directory; with the private database, and no token set,
    /// authentication is off and only loopback addresses may be served.
    root_token = "POTTS_ROOT_TOKEN", "TOKEN", "generated, or none with the private database";
    /// What is logged, as `tracing` filters: `info`, `potts::ledger=debug,info`.
    log = "POTTS_LOG", "FILTER", "info";
    /// Whether the schema is migrated at start: `auto`, or `never` where a job does it.
    migrate = "POTTS_MIGRATE", "auto|never", "auto";
    /// How many batches may be under way at once, 1 to 8. More than 1 helps only where the database
    /// flushes faster than it computes: it halves what a flush carries.
    ledger_lanes = "POTTS_LEDGER_LANES", "N", "1";
    /// Connections for gets and lists, 1 to 100. Too few make readers wait for each other, too many
    /// slow the database down for all.
    read_connections = "POTTS_READ_CONNECTIONS", "N", "8";
    /// Connections for subscribers that read the log, 1 to 100. At most four read a page at a time.
    stream_connections = "POTTS_STREAM_CONNECTIONS", "N", "6";
    /// Subscriptions of the whole server, 1 to 100,000. Each takes some 16 KiB.
    subscriptions_max = "POTTS_SUBSCRIPTIONS_MAX", "N", "10000";
    /// Subscriptions of one caller, 1 to 100,000.
    caller_subscriptions_max = "POTTS_CALLER_SUBSCRIPTIONS_MAX", "N", "100";
    /// After how long a stream is ended, 1s to 720h give or take a fifth, or `never`. Shorter has
    /// callers reconnect more often than a balancer needs to spread them.
    stream_age_max = "POTTS_STREAM_AGE_MAX", "SPAN|never", "never";
    /// The largest message that a caller may send, 64 KiB to 64 MiB, in bytes.
    message_bytes_max = "POTTS_MESSAGE_BYTES_MAX", "BYTES", "4194304";
    /// How long a request id is remembered, 1h to 7d: a retry later than that happens again.
    requests_kept = "POTTS_REQUESTS_KEPT", "SPAN", "24h";
    /// How long events are kept at least, 1d or more, or `never` to drop any: a number of days as
    /// `90d`, or a span as `2160h`. Less leaves subscribers that were away nothing to resume, more
    /// takes room. Events go by partitions of two million.
    log_retention = "POTTS_LOG_RETENTION", "SPAN|never", "90d";
    /// A folder that partitions of the log are exported to before they are dropped, the same for
    /// all replicas. Without it they are dropped.
    log_archive_dir = "POTTS_LOG_ARCHIVE_DIR", "DIR", "none";
    /// How long calls may go on when the server stops, 1s to 60s. Then it ends regardless.
    shutdown_grace = "POTTS_SHUTDOWN_GRACE", "SPAN", "15s";
    /// The server's certificate chain, PEM. With it and the key, gRPC speaks TLS.
    tls_cert_file = "POTTS_TLS_CERT_FILE", "FILE", "no TLS";
    /// The key of the certificate, PEM.
    tls_key_file = "POTTS_TLS_KEY_FILE", "FILE", "no TLS";
    /// The authority that certificates of clients must be signed by, PEM. Without it clients need
    /// none.
    tls_client_ca_file = "POTTS_TLS_CLIENT_CA_FILE", "FILE", "clients need no certificate";
}

/// Who migrates the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrate {
    /// The server, at start.
    Auto,
    /// A job; the server refuses to start until it has.
    Never,
}

/// Where TLS finds its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Whom clients must be signed by.
    pub client_ca: Option<PathBuf>,
}

/// Everything that can be set, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// None: a private PostgreSQL.
    pub database_url: Option<SecretString>,
    /// See [`Flags`], as for all that follow.
    pub data_dir: PathBuf,
    pub grpc_addr: SocketAddr,
    pub http_addr: SocketAddr,
    pub root_token: Option<SecretString>,
    pub log: String,
    pub migrate: Migrate,
    pub ledger_lanes: usize,
    pub read_connections: usize,
    pub stream_connections: usize,
    pub subscriptions_max: usize,
    pub caller_subscriptions_max: usize,
    /// None: never.
    pub stream_age_max: Option<Duration>,
    pub message_bytes_max: usize,
    pub requests_kept: Duration,
    /// None: for ever.
    pub log_retention: Option<Duration>,
    pub log_archive_dir: Option<PathBuf>,
    pub shutdown_grace: Duration,
    pub tls: Option<TlsFiles>,
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Config {
    /// Reads and checks every setting.
    pub fn read(flags: &Flags, lookup: impl Lookup) -> Result<Config, Error> {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let source = Source { flags, lookup };
        let migrate = source.parse("POTTS_MIGRATE", Migrate::Auto, |value| match value {
            "auto" => Ok(Migrate::Auto),
            "never" => Ok(Migrate::Never),
            _ => Err("must be auto or never".into()),
        })?;
        let config = Config {
            database_url: source.text("POTTS_DATABASE_URL").map(SecretString::from),
            data_dir: data_dir(&source)?,
            grpc_addr: source.addr("POTTS_GRPC_ADDR", loopback(50051))?,
            http_addr: source.addr("POTTS_HTTP_ADDR", loopback(8080))?,
            root_token: root_token(&source)?,
            log: source.text("POTTS_LOG").unwrap_or_else(|| "info".into()),
            migrate,
            ledger_lanes: source.number("POTTS_LEDGER_LANES", 1, 1..=8)?,
            read_connections: source.number("POTTS_READ_CONNECTIONS", 8, 1..=100)?,
            stream_connections: source.number("POTTS_STREAM_CONNECTIONS", 6, 1..=100)?,
            subscriptions_max: source.number("POTTS_SUBSCRIPTIONS_MAX", 10_000, 1..=100_000)?,
            caller_subscriptions_max: source.number(
                "POTTS_CALLER_SUBSCRIPTIONS_MAX",
                100,
                1..=100_000,
            )?,
            stream_age_max: stream_age_max(&source)?,
            message_bytes_max: source.number(
                "POTTS_MESSAGE_BYTES_MAX",
                4 << 20,
                64 << 10..=64 << 20,
            )?,
            requests_kept: source.span("POTTS_REQUESTS_KEPT", 24 * HOUR, HOUR..=7 * 24 * HOUR)?,
            log_retention: log_retention(&source)?,
            log_archive_dir: folder(&source, "POTTS_LOG_ARCHIVE_DIR")?,
            shutdown_grace: source.span(
                "POTTS_SHUTDOWN_GRACE",
                Duration::from_secs(15),
                Duration::from_secs(1)..=Duration::from_secs(60),
            )?,
            tls: tls(&source)?,
        };
        config.check_database_url()?;
        config.check_open()?;
        Ok(config)
    }

    /// Whether callers need no token: nobody configured anything, and nobody else can reach it.
    pub fn is_open(&self) -> bool {
        self.database_url.is_none() && self.root_token.is_none()
    }

    fn check_database_url(&self) -> Result<(), Error> {
        let Some(url) = &self.database_url else { return Ok(()) };
        let parsed = crate::store::Connector::new(url.expose_secret());
        parsed.map(drop).map_err(|error| Error {
            variable: "POTTS_DATABASE_URL",
            value: MASK.into(),
            cause: format!("{error:#}"),
        })
    }

    /// Without authentication only this machine may call.
    fn check_open(&self) -> Result<(), Error> {
        for (variable, addr) in
            [("POTTS_GRPC_ADDR", self.grpc_addr), ("POTTS_HTTP_ADDR", self.http_addr)]
        {
            if self.is_open() && !addr.ip().is_loopback() {
                return Err(Error {
                    variable,
                    value: addr.to_string(),
                    cause: "authentication is off, so only a loopback address may be served; \
                            set POTTS_ROOT_TOKEN to serve others"
                        .into(),
                });
            }
        }
        Ok(())
    }
}

/// A folder, wherever the program is started from.
fn folder(
    source: &Source<'_, impl Lookup>,
    variable: &'static str,
) -> Result<Option<PathBuf>, Error> {
    let Some(dir) = source.text(variable) else { return Ok(None) };
    let absolute = std::path::absolute(&dir);
    absolute.map(Some).map_err(|error| Error { variable, value: dir, cause: error.to_string() })
}

/// A span of which events are kept; none for ever. A day has 24 hours here.
fn log_retention(source: &Source<'_, impl Lookup>) -> Result<Option<Duration>, Error> {
    const VARIABLE: &str = "POTTS_LOG_RETENTION";
    // Longer than anybody will look after a database.
    let bounds = DAY..=36_500 * DAY;
    let Some(value) = source.text(VARIABLE) else { return Ok(Some(90 * DAY)) };
    if value == "never" {
        return Ok(None);
    }
    let days = value.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    match days.and_then(|days| DAY.checked_mul(days)) {
        Some(span) if bounds.contains(&span) => Ok(Some(span)),
        Some(_) => {
            let cause = "must be from 1d to 36500d, or never".into();
            Err(Error { variable: VARIABLE, value, cause })
        }
        None => source.span(VARIABLE, 90 * DAY, bounds).map(Some),
    }
}

/// An age that streams are ended at; none if they are not.
fn stream_age_max(source: &Source<'_, impl Lookup>) -> Result<Option<Duration>, Error> {
    const VARIABLE: &str = "POTTS_STREAM_AGE_MAX";
    match source.text(VARIABLE).as_deref() {
        None | Some("never") => Ok(None),
        Some(_) => source.span(VARIABLE, DAY, Duration::from_secs(1)..=30 * DAY).map(Some),
    }
}

fn data_dir(source: &Source<'_, impl Lookup>) -> Result<PathBuf, Error> {
    if let Some(dir) = folder(source, "POTTS_DATA_DIR")? {
        return Ok(dir);
    }
    if rustix::process::geteuid().is_root() {
        return Ok("/var/lib/potts".into());
    }
    let given = |variable| (source.lookup)(variable).filter(|value| !value.is_empty());
    let share = given("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| given("HOME").map(|home| Path::new(&home).join(".local/share")));
    share.map(|share| share.join("potts")).ok_or_else(|| Error {
        variable: "POTTS_DATA_DIR",
        value: String::new(),
        cause: "must be set, because HOME is not".into(),
    })
}

/// Shorter tokens can be guessed.
const ROOT_TOKEN_CHARS_MIN: usize = 16;

fn root_token(source: &Source<'_, impl Lookup>) -> Result<Option<SecretString>, Error> {
    let Some(token) = source.text("POTTS_ROOT_TOKEN") else { return Ok(None) };
    let visible = token.chars().all(|c| c.is_ascii_graphic());
    if token.len() < ROOT_TOKEN_CHARS_MIN || !visible {
        return Err(Error {
            variable: "POTTS_ROOT_TOKEN",
            value: MASK.into(),
            cause: format!("must be at least {ROOT_TOKEN_CHARS_MIN} visible ASCII characters"),
        });
    }
    Ok(Some(token.into()))
}

fn tls(source: &Source<'_, impl Lookup>) -> Result<Option<TlsFiles>, Error> {
    let file = |variable| source.text(variable).map(PathBuf::from);
    let (cert, key) = (file("POTTS_TLS_CERT_FILE"), file("POTTS_TLS_KEY_FILE"));
    let client_ca = file("POTTS_TLS_CLIENT_CA_FILE");
    let missing =
        |variable, cause: &str| Error { variable, value: String::new(), cause: cause.to_owned() };
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key, client_ca })),
        (None, None) if client_ca.is_none() => Ok(None),
        (None, _) => Err(missing("POTTS_TLS_CERT_FILE", "must be set beside the other TLS files")),
        (_, None) => Err(missing("POTTS_TLS_KEY_FILE", "must be set beside the certificate")),
    }
}

/// What stands for a secret.
const MASK: &str = "********";

/// What is in force, a line a setting, secrets masked.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = |path: Option<&PathBuf>| path.map(|p| p.display().to_string());
        let secret = |secret: Option<&SecretString>| secret.map(|_| MASK.to_owned());
        let tls = self.tls.as_ref();
        let migrate = match self.migrate {
            Migrate::Auto => "auto",
            Migrate::Never => "never",
        };
        let retention = match self.log_retention {
            Some(span) => format!("{}s", span.as_secs()),
            None => "never".into(),
        };
        let seconds = |span: Duration| format!("{}s", span.as_secs());
        let stream_age_max = self.stream_age_max.map_or("never".into(), seconds);
        let lines: &[(&str, Option<String>)] = &[
            ("POTTS_DATABASE_URL", secret(self.database_url.as_ref())),
            ("POTTS_DATA_DIR", path(Some(&self.data_dir))),
            ("POTTS_GRPC_ADDR", Some(self.grpc_addr.to_string())),
            ("POTTS_HTTP_ADDR", Some(self.http_addr.to_string())),
            ("POTTS_ROOT_TOKEN", secret(self.root_token.as_ref())),
            ("POTTS_LOG", Some(self.log.clone())),
            ("POTTS_MIGRATE", Some(migrate.into())),
            ("POTTS_LEDGER_LANES", Some(self.ledger_lanes.to_string())),
            ("POTTS_READ_CONNECTIONS", Some(self.read_connections.to_string())),
            ("POTTS_STREAM_CONNECTIONS", Some(self.stream_connections.to_string())),
            ("POTTS_SUBSCRIPTIONS_MAX", Some(self.subscriptions_max.to_string())),
            ("POTTS_CALLER_SUBSCRIPTIONS_MAX", Some(self.caller_subscriptions_max.to_string())),
            ("POTTS_STREAM_AGE_MAX", Some(stream_age_max)),
            ("POTTS_MESSAGE_BYTES_MAX", Some(self.message_bytes_max.to_string())),
            ("POTTS_REQUESTS_KEPT", Some(format!("{}s", self.requests_kept.as_secs()))),
            ("POTTS_LOG_RETENTION", Some(retention)),
            ("POTTS_LOG_ARCHIVE_DIR", path(self.log_archive_dir.as_ref())),
            ("POTTS_SHUTDOWN_GRACE", Some(format!("{}s", self.shutdown_grace.as_secs()))),
            ("POTTS_TLS_CERT_FILE", path(tls.map(|tls| &tls.cert))),
            ("POTTS_TLS_KEY_FILE", path(tls.map(|tls| &tls.key))),
            ("POTTS_TLS_CLIENT_CA_FILE", path(tls.and_then(|tls| tls.client_ca.as_ref()))),
        ];
        for (variable, value) in lines {
            writeln!(f, "{variable}={}", value.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Config, Error> {
        let lookup = |variable: &str| {
            let found = set.iter().find(|(name, _)| *name == variable);
            found
                .map(|(_, value)| (*value).to_owned())
                .or((variable == "HOME").then(|| "/h".into()))
        };
        Config::read(&Flags::default(), lookup)
    }

    #[test]
    fn nothing_set_is_an_open_private_service_on_loopback() {
        let config = read(&[]).unwrap();

        assert!(config.is_open());
        assert_eq!(config.grpc_addr.to_string(), "127.0.0.1:50051");
        assert_eq!(config.http_addr.to_string(), "127.0.0.1:8080");
        assert_eq!(config.ledger_lanes, 1);
    }

    #[test]
    fn a_wrong_value_names_variable_value_and_cause() {
        let error = read(&[("POTTS_LEDGER_LANES", "9")]).unwrap_err();

        assert_eq!(error.to_string(), "POTTS_LEDGER_LANES=9: must be a number from 1 to 8");
    }

    #[test]
    fn wrong_values_are_refused() {
        for wrong in [
            ("POTTS_GRPC_ADDR", "localhost"),
            ("POTTS_HTTP_ADDR", "127.0.0.1:99999"),
            ("POTTS_MIGRATE", "yes"),
            ("POTTS_REQUESTS_KEPT", "1m"),
            ("POTTS_REQUESTS_KEPT", "soon"),
            ("POTTS_SHUTDOWN_GRACE", "2m"),
            ("POTTS_LOG_RETENTION", "0d"),
            ("POTTS_LOG_RETENTION", "23h"),
            ("POTTS_LOG_RETENTION", "36501d"),
            ("POTTS_LOG_RETENTION", "999999999999d"),
            ("POTTS_LOG_RETENTION", "always"),
            ("POTTS_STREAM_AGE_MAX", "0s"),
            ("POTTS_STREAM_AGE_MAX", "999ms"),
            ("POTTS_STREAM_AGE_MAX", "721h"),
            ("POTTS_STREAM_AGE_MAX", "often"),
            ("POTTS_MESSAGE_BYTES_MAX", "1"),
            ("POTTS_TLS_CERT_FILE", "cert.pem"),
            ("POTTS_TLS_CLIENT_CA_FILE", "ca.pem"),
            ("POTTS_ROOT_TOKEN", "short"),
            ("POTTS_DATABASE_URL", "http://example.com"),
        ] {
            let error = read(&[wrong]).map(|_| ()).unwrap_err();
            assert!(error.to_string().starts_with("POTTS_"), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn events_are_kept_for_days_for_a_span_or_for_ever() {
        let days = |days: u32| Some(DAY * days);
        for (value, kept) in [
            ("", days(90)),
            ("1d", days(1)),
            ("24h", days(1)),
            ("36500d", days(36_500)),
            ("never", None),
        ] {
            let config = read(&[("POTTS_LOG_RETENTION", value)]).unwrap();
            assert_eq!(config.log_retention, kept, "{value}");
            // What is shown can be set again.
            let shown = config.to_string();
            let shown = shown.lines().find_map(|line| line.strip_prefix("POTTS_LOG_RETENTION="));
            let again = read(&[("POTTS_LOG_RETENTION", shown.unwrap())]).unwrap();
            assert_eq!(again.log_retention, kept, "{value}");
        }
    }

    #[test]
    fn streams_get_as_old_as_they_like_unless_an_age_is_set() {
        for (value, age_max) in
            [("", None), ("never", None), ("1s", Some(1)), ("720h", Some(720 * 3_600))]
        {
            let config = read(&[("POTTS_STREAM_AGE_MAX", value)]).unwrap();
            assert_eq!(config.stream_age_max, age_max.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn without_authentication_only_loopback_is_served() {
        let error = read(&[("POTTS_GRPC_ADDR", "0.0.0.0:50051")]).unwrap_err();
        let token = ("POTTS_ROOT_TOKEN", "0123456789abcdef");
        let served = read(&[("POTTS_GRPC_ADDR", "0.0.0.0:50051"), token]);

        assert!(error.cause.contains("POTTS_ROOT_TOKEN"), "{error}");
        assert!(served.is_ok());
    }

    #[test]
    fn secrets_are_masked() {
        let config = read(&[
            ("POTTS_ROOT_TOKEN", "0123456789abcdef"),
            ("POTTS_DATABASE_URL", "postgres://u:hunter2hunter2@db/potts"),
        ]);
        let config = config.unwrap();

        let shown = format!("{config} {config:?}");

        assert!(!shown.contains("0123456789abcdef") && !shown.contains("hunter2"), "{shown}");
        let wrong = read(&[("POTTS_DATABASE_URL", "postgres://u:hunter2@[")]).unwrap_err();
        assert!(!wrong.to_string().contains("hunter2"), "{wrong}");
    }

    #[test]
    fn every_variable_is_shown() {
        let shown = read(&[]).unwrap().to_string();

        for variable in VARIABLES {
            assert!(shown.contains(variable), "{variable}");
        }
    }

    #[test]
    fn a_flag_wins_and_empty_means_unset() {
        let flags = Flags { ledger_lanes: Some("2".into()), ..Flags::default() };
        let set = |variable: &str| match variable {
            "POTTS_LEDGER_LANES" => Some("3".to_owned()),
            "HOME" => Some("/h".into()),
            _ => Some(String::new()),
        };

        let config = Config::read(&flags, set).unwrap();

        assert_eq!(config.ledger_lanes, 2);
        assert!(config.database_url.is_none());
    }
}
