//! Configuration from the environment. Every problem is told at once, with the variable's name and what it should look
//! like; the process then exits with 2.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use qafila_gateway::auth::api_keys::ApiKeys;
use qafila_gateway::web_app::WebApp;
use qafila_gateway::webhooks::WebhookSecrets;
use qafila_ingest::reconcile::schedule::NightSchedule;
use qafila_ingest::salla::{SallaConfig, Secret};
use qafila_ingest::sync::tolerance::Tolerance;
use qafila_projections::export::Limits;
use qafila_projections::export::store::StoreConfig;
use qafila_projections::notify::Mailbox;
use qafila_projections::notify::mailer::{Encryption, SmtpServer};
use qafila_schemas::envelope::OperatorKeys;
use qafila_schemas::kafka::KafkaConfig;
use rdkafka::ClientConfig;
use url::Url;

/// Roles of the application in Postgres (ARCHITECTURE §6), one pool each.
pub const DATABASE_ROLES: [(&str, &str); 5] = [
    ("QAFILA_DATABASE_COMMAND_URL", "qafila_command"),
    ("QAFILA_DATABASE_QUERY_URL", "qafila_query"),
    ("QAFILA_DATABASE_RELAY_URL", "qafila_relay"),
    ("QAFILA_DATABASE_INGEST_URL", "qafila_ingest"),
    ("QAFILA_DATABASE_OLTP_URL", "qafila_oltp"),
];

/// Everything this process was told.
#[derive(Clone)]
pub struct Config {
    /// `QAFILA_DATABASE_OWNER_URL`: the owner, used by `qafila migrate` alone.
    pub owner_url: Url,
    /// `QAFILA_DATABASE_<ROLE>_URL`, by role.
    pub role_urls: BTreeMap<&'static str, Url>,
    /// `QAFILA_KAFKA_BROKERS`, `QAFILA_TOPIC_PREFIX`, `QAFILA_KAFKA_PROPERTIES`.
    pub kafka: KafkaConfig,
    /// `QAFILA_KAFKA_REPLICATION`: copies of each partition of topics that are made.
    pub replication: i32,
    /// `QAFILA_PRODUCTION`: merchants' data depends on it, so `qafila doctor` takes three copies of each partition for the least.
    pub is_production: bool,
    /// `QAFILA_REGISTRY_URL`: Confluent's API.
    pub registry_url: Url,
    /// `QAFILA_CLICKHOUSE_URL`.
    pub clickhouse_url: Url,
    /// `QAFILA_CLICKHOUSE_DATABASE`.
    pub clickhouse_database: String,
    /// `QAFILA_OPERATOR_KEYS`.
    pub operator_keys: OperatorKeys,
    /// `QAFILA_OPERATOR_MAY_OPEN`: `qafila dlq show --open` opens what is sealed, with a reason that is kept.
    pub operator_may_open: bool,
    /// `QAFILA_TOKEN_KEY`.
    pub token_key: Vec<u8>,
    /// `QAFILA_SYNC_MOST_INVALID_PERCENT`: more invalid rows of a resource fail an import.
    pub tolerance: Tolerance,
    /// `QAFILA_SALLA_*`.
    pub salla: SallaConfig,
    /// `QAFILA_SALLA_WEBHOOK_SECRETS`: the current one first.
    pub webhook_secrets: WebhookSecrets,
    /// `QAFILA_SALLA_UNSIGNED_WEBHOOKS`: webhooks that nobody signed are taken.
    pub unsigned_webhooks: bool,
    /// `QAFILA_RECONCILE_CRON` (minute, hour, day, month, weekday), `QAFILA_RECONCILE_ZONE`, `QAFILA_RECONCILE_SPREAD_MINUTES`: when
    /// stores have their night.
    pub nights: NightSchedule,
    /// `QAFILA_RECONCILE_CYCLE_NIGHTS`: nights in which every order is looked at once.
    pub cycle_nights: u32,
    /// `QAFILA_PUBLIC_URL`: where the world reaches the gateway.
    pub public_url: Url,
    /// `QAFILA_EXPORT_STORE`, `QAFILA_S3_*`: where export files are kept.
    pub export_store: StoreConfig,
    /// `QAFILA_EXPORT_*`: what an export may take.
    pub export_limits: Limits,
    /// `QAFILA_SMTP_URL`: the server that takes mails.
    pub smtp: SmtpServer,
    /// `QAFILA_MAIL_FROM`: who mails come from.
    pub mail_from: Mailbox,
    /// `QAFILA_LISTEN`.
    pub listen: SocketAddr,
    /// `QAFILA_SLOT`: stable slot of this process.
    pub slot: String,
    /// `QAFILA_API_KEYS`: services that may start and watch imports.
    pub api_keys: ApiKeys,
    /// `QAFILA_TRUSTED_PROXIES`: networks whose `X-Forwarded-For` names the client.
    pub trusted_proxies: Vec<IpNet>,
    /// `QAFILA_INSECURE_COOKIES`.
    pub insecure_cookies: bool,
    /// `QAFILA_SUPPORT_URL`: where merchants find the operator's support, a page or a mail address; where it is unset, pages name none.
    pub support_url: Option<Url>,
    /// `QAFILA_WEB_APP`: folder of the built web app; without it none is served.
    pub web_app: Option<WebApp>,
}

/// All that is wrong with the environment.
#[derive(Debug)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is not usable:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the environment of this process.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads variables from anywhere.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { get, problems: vec![] };
        let config = reader.config();
        match config {
            Some(config) if reader.problems.is_empty() => Ok(config),
            _ => Err(ConfigError(reader.problems)),
        }
    }

    /// Where Salla sends webhooks.
    pub fn webhook_url(&self) -> Url {
        let mut url = self.public_url.clone();
        url.set_path(&format!("{}/api/webhooks/salla", url.path().trim_end_matches('/')));
        url
    }

    /// The address of one role's pool.
    pub fn role_url(&self, role: &str) -> &Url {
        &self.role_urls[role]
    }
}

struct Reader<G> {
    get: G,
    problems: Vec<String>,
}

impl<G: Fn(&str) -> Option<String>> Reader<G> {
    fn config(&mut self) -> Option<Config> {
        let owner_url = self.postgres("QAFILA_DATABASE_OWNER_URL", None);
        let role_urls: BTreeMap<_, _> = DATABASE_ROLES
            .iter()
            .filter_map(|(variable, role)| Some((*role, self.postgres(variable, Some(role))?)))
            .collect();
        let brokers = self.brokers();
        let prefix =
            self.parsed("QAFILA_TOPIC_PREFIX", "up to 100 letters, digits, `.`, `_` and `-`", "", prefix);
        let properties = self.properties();
        let replication = self.parsed("QAFILA_KAFKA_REPLICATION", "a whole number from 1", "1", |text| {
            text.parse().ok().filter(|n| *n > 0)
        });
        let is_production = self.parsed("QAFILA_PRODUCTION", "true or false", "false", |t| t.parse().ok());
        let registry_url = self.url("QAFILA_REGISTRY_URL", "http://127.0.0.1:8081");
        let clickhouse_url = self.url("QAFILA_CLICKHOUSE_URL", "http://127.0.0.1:8123");
        let database = self.parsed(
            "QAFILA_CLICKHOUSE_DATABASE",
            "a name of letters, digits and `_`",
            "qafila",
            identifier,
        );
        let operator_keys = self.operator_keys();
        let operator_may_open =
            self.parsed("QAFILA_OPERATOR_MAY_OPEN", "true or false", "false", |t| t.parse().ok());
        let token_key = self.token_key();
        let salla = self.salla();
        let public_url = self.url("QAFILA_PUBLIC_URL", "https://app.example.com");
        let webhook_secrets = self.webhook_secrets();
        let unsigned_webhooks =
            self.parsed("QAFILA_SALLA_UNSIGNED_WEBHOOKS", "true or false", "false", |t| t.parse().ok());
        let export_store = self.export_store();
        let export_limits = self.export_limits();
        let smtp = self.smtp();
        let mail_from = self.mail_from();
        let listen = self.parsed(
            "QAFILA_LISTEN",
            "an address and port, such as 127.0.0.1:8080",
            "127.0.0.1:8080",
            |t| t.parse().ok(),
        );
        let percent = self.parsed("QAFILA_SYNC_MOST_INVALID_PERCENT", "0 to 100", "5", |text| {
            text.parse().ok().filter(|percent| *percent <= 100)
        });
        let nights = self.nights();
        let cycle_nights = self.parsed("QAFILA_RECONCILE_CYCLE_NIGHTS", "1 to 365", "28", |text| {
            text.parse().ok().filter(|nights| (1..=365).contains(nights))
        });
        let api_keys = self.api_keys();
        let trusted_proxies = self.parsed(
            "QAFILA_TRUSTED_PROXIES",
            "addresses or networks, comma separated, such as 10.0.0.0/8",
            "",
            networks,
        );
        let slot = self.optional("QAFILA_SLOT").unwrap_or_else(|| "0".into());
        let insecure_cookies =
            self.parsed("QAFILA_INSECURE_COOKIES", "true or false", "false", |t| t.parse().ok());
        let support_url = self.support_url();
        let web_app = self.web_app();
        Some(Config {
            owner_url: owner_url?,
            role_urls,
            kafka: KafkaConfig { brokers: brokers?, prefix: prefix?, properties: properties? },
            replication: replication?,
            is_production: is_production?,
            registry_url: registry_url?,
            clickhouse_url: clickhouse_url?,
            clickhouse_database: database?,
            operator_keys: operator_keys?,
            operator_may_open: operator_may_open?,
            token_key: token_key?,
            salla: salla?,
            nights: nights?,
            cycle_nights: cycle_nights?,
            public_url: public_url?,
            webhook_secrets: webhook_secrets?,
            unsigned_webhooks: unsigned_webhooks?,
            export_store: export_store?,
            export_limits: export_limits?,
            smtp: smtp?,
            mail_from: mail_from?,
            listen: listen?,
            slot,
            tolerance: Tolerance { percent: percent? },
            api_keys: api_keys?,
            trusted_proxies: trusted_proxies?,
            insecure_cookies: insecure_cookies?,
            support_url,
            web_app,
        })
    }

    fn support_url(&mut self) -> Option<Url> {
        let text = self.optional("QAFILA_SUPPORT_URL")?;
        let is_known = |url: &Url| match url.scheme() {
            "mailto" => url.path().contains('@'),
            scheme => scheme == "https",
        };
        let url = Url::parse(&text).ok().filter(is_known);
        if url.is_none() {
            self.problems.push(
                "QAFILA_SUPPORT_URL should be a page such as https://example.com/help, or mailto:support@example.com"
                    .to_owned(),
            );
        }
        url
    }

    fn web_app(&mut self) -> Option<WebApp> {
        let folder = self.optional("QAFILA_WEB_APP")?;
        WebApp::open(folder.as_ref())
            .map_err(|error| self.problems.push(format!("QAFILA_WEB_APP: {error}")))
            .ok()
    }

    fn salla(&mut self) -> Option<SallaConfig> {
        let api = self.url("QAFILA_SALLA_API_URL", "https://api.salla.dev/admin/v2");
        let accounts = self.url("QAFILA_SALLA_ACCOUNTS_URL", "https://accounts.salla.sa");
        let client_id =
            self.required("QAFILA_SALLA_CLIENT_ID", "the client id of the app in Salla's partner portal");
        let secret = self
            .required("QAFILA_SALLA_CLIENT_SECRET", "the client secret of the app in Salla's partner portal");
        let redirect = self.url("QAFILA_SALLA_REDIRECT_URL", "https://app.example.com/oauth/callback");
        let per_page = |limit: u32| move |text: &str| text.parse().ok().filter(|n| (1..=limit).contains(n));
        let orders = self.parsed("QAFILA_SALLA_ORDERS_PER_PAGE", "1 to 60", "30", per_page(60));
        let others = self.parsed("QAFILA_SALLA_OTHERS_PER_PAGE", "1 to 60", "60", per_page(60));
        let window =
            self.parsed("QAFILA_SALLA_LIST_CACHE_SECONDS", "seconds", "900", |text| text.parse().ok());
        let minute = self.parsed(
            "QAFILA_SALLA_MINUTE_MS",
            "1 to 60000: the length of Salla's minute, less than 60000 only for a simulation",
            "60000",
            |text| text.parse().ok().filter(|ms| (1..=60_000).contains(ms)),
        );
        let customers =
            self.parsed("QAFILA_SALLA_CUSTOMERS_BUDGET", "calls in ten minutes, at least 1", "490", |text| {
                text.parse().ok().filter(|calls| *calls > 0)
            });
        let deepest = self.parsed("QAFILA_SALLA_DEEPEST_ROWS", "rows, at least 100", "10000", |text| {
            text.parse().ok().filter(|rows| *rows >= 100)
        });
        Some(SallaConfig {
            api: api?,
            accounts: accounts?,
            client_id: client_id?,
            client_secret: Secret::new(secret?),
            redirect: redirect?,
            orders_per_page: orders?,
            others_per_page: others?,
            list_cache_window: Duration::from_secs(window?),
            minute: Duration::from_millis(minute?),
            customers_per_window: customers?,
            deepest_rows: deepest?,
        })
    }

    fn nights(&mut self) -> Option<NightSchedule> {
        let spread = self.parsed("QAFILA_RECONCILE_SPREAD_MINUTES", "0 to 1440", "180", |text| {
            text.parse::<u64>().ok().filter(|minutes| *minutes <= 1_440)
        })?;
        let cron = self.optional("QAFILA_RECONCILE_CRON").unwrap_or_else(|| "0 2 * * *".into());
        let zone = self.optional("QAFILA_RECONCILE_ZONE").unwrap_or_else(|| "Asia/Riyadh".into());
        let nights = NightSchedule::parse(&cron, &zone, Duration::from_secs(spread * 60));
        if nights.is_none() {
            self.problems.push(format!(
                "QAFILA_RECONCILE_CRON should be minute, hour, day, month and weekday, such as `0 2 * * *`, in a zone \
                 QAFILA_RECONCILE_ZONE such as Asia/Riyadh, not {cron:?} in {zone:?}"
            ));
        }
        nights
    }

    fn export_store(&mut self) -> Option<StoreConfig> {
        let (name, like) =
            ("QAFILA_EXPORT_STORE", "a folder such as /var/lib/qafila/exports, or s3://bucket");
        let text = self.optional(name).unwrap_or_else(|| "qafila-exports".into());
        let Some(bucket) = text.strip_prefix("s3://") else {
            if text.contains("://") {
                self.problems.push(format!("{name} should be {like}, not {text:?}"));
                return None;
            }
            return Some(StoreConfig::Folder(text.into()));
        };
        let endpoint = match self.optional("QAFILA_S3_ENDPOINT") {
            Some(_) => Some(self.url("QAFILA_S3_ENDPOINT", "https://<account>.r2.cloudflarestorage.com")?),
            None => None,
        };
        let region = self.optional("QAFILA_S3_REGION").unwrap_or_else(|| "auto".into());
        let access_key = self.required("QAFILA_S3_ACCESS_KEY_ID", "the access key of the bucket");
        let secret_key = self.required("QAFILA_S3_SECRET_ACCESS_KEY", "the secret of that access key");
        let bucket = bucket.trim_end_matches('/').to_owned();
        if bucket.is_empty() || bucket.contains('/') {
            self.problems.push(format!("{name} should be {like}, not {text:?}"));
            return None;
        }
        Some(StoreConfig::Bucket {
            bucket,
            endpoint,
            region,
            access_key: access_key?,
            secret_key: secret_key?,
        })
    }

    /// The mail server; its address is never shown, because it may hold a password.
    fn smtp(&mut self) -> Option<SmtpServer> {
        let name = "QAFILA_SMTP_URL";
        let like = "smtps://user:password@host:465, smtp://user:password@host:587?tls=required, or smtp://127.0.0.1:25 without \
                    encryption";
        let text = self.required(name, like)?;
        let server = smtp_server(&text);
        if server.is_none() {
            self.problems.push(format!("{name} should be {like}"));
        }
        server
    }

    fn mail_from(&mut self) -> Option<Mailbox> {
        let (name, like) = ("QAFILA_MAIL_FROM", "an address such as Qafila <no-reply@example.com>");
        let text = self.required(name, like)?;
        text.parse().map_err(|_| self.problems.push(format!("{name} should be {like}, not {text:?}"))).ok()
    }

    fn export_limits(&mut self) -> Option<Limits> {
        let mut number = |name: &str, default: &str| {
            self.parsed(name, "a whole number from 1", default, |text| {
                text.parse::<u32>().ok().filter(|number| *number > 0)
            })
        };
        let rows = number("QAFILA_EXPORT_MOST_ROWS", "10000000");
        let minutes = number("QAFILA_EXPORT_MOST_MINUTES", "60");
        let per_merchant = number("QAFILA_EXPORT_RUNNING_PER_MERCHANT", "2");
        // Each has threads of its own.
        let per_process =
            self.parsed("QAFILA_EXPORT_RUNNING_PER_PROCESS", "a whole number from 1 to 32", "2", |text| {
                text.parse::<u32>().ok().filter(|number| (1..=32).contains(number))
            });
        Some(Limits {
            rows: rows?.into(),
            time: Duration::from_secs(u64::from(minutes?) * 60),
            per_merchant: per_merchant?.into(),
            per_process: usize::try_from(per_process?).unwrap_or(1),
        })
    }

    fn optional(&self, name: &str) -> Option<String> {
        (self.get)(name).filter(|value| !value.trim().is_empty())
    }

    fn required(&mut self, name: &str, looks_like: &str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.problems.push(format!("{name} is not set; it should be {looks_like}"));
        }
        value
    }

    fn parsed<T>(
        &mut self,
        name: &str,
        looks_like: &str,
        default: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.optional(name).unwrap_or_else(|| default.to_owned());
        let parsed = parse(&value);
        if parsed.is_none() {
            self.problems.push(format!("{name} should be {looks_like}, not {value:?}"));
        }
        parsed
    }

    fn url(&mut self, name: &str, example: &str) -> Option<Url> {
        let text = self.required(name, &format!("an address such as {example}"))?;
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Some(url),
            _ => {
                self.problems.push(format!("{name} should be an http or https address such as {example}"));
                None
            }
        }
    }

    /// An address of Postgres; never shown, because it holds a password.
    fn postgres(&mut self, name: &str, role: Option<&str>) -> Option<Url> {
        let user = role.unwrap_or("qafila_owner");
        let example = format!("postgres://{user}:password@host:5432/qafila");
        let text = self.required(name, &example)?;
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "postgres" | "postgresql"));
        match url {
            Some(url) if role.is_none_or(|role| url.username() == role) => Some(url),
            Some(_) => {
                self.problems
                    .push(format!("{name} must log in as {user}: grants and policies name that role"));
                None
            }
            None => {
                self.problems.push(format!("{name} should be an address such as {example}"));
                None
            }
        }
    }

    /// Properties of librdkafka; never shown, because they may hold a password.
    fn properties(&mut self) -> Option<BTreeMap<String, String>> {
        let name = "QAFILA_KAFKA_PROPERTIES";
        let Some(read) = properties(&self.optional(name).unwrap_or_default()) else {
            self.problems.push(format!("{name} should be librdkafka properties: key=value;key=value"));
            return None;
        };
        for (key, value) in &read {
            if ClientConfig::new().set(key, value).create_native_config().is_err() {
                self.problems
                    .push(format!("{name}: librdkafka does not take the property {key} with this value"));
            }
        }
        Some(read)
    }

    fn brokers(&mut self) -> Option<String> {
        let (name, like) = ("QAFILA_KAFKA_BROKERS", "host:port, comma separated, such as 127.0.0.1:9092");
        let text = self.required(name, like)?;
        let is_address = |part: &str| {
            part.trim()
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if !text.split(',').all(is_address) {
            self.problems.push(format!("{name} should be {like}, not {text:?}"));
            return None;
        }
        Some(text)
    }

    fn operator_keys(&mut self) -> Option<OperatorKeys> {
        let name = "QAFILA_OPERATOR_KEYS";
        let text = self.required(name, "id:base64 of 32 bytes, comma separated, the current one first")?;
        OperatorKeys::parse(&text).map_err(|error| self.problems.push(format!("{name}: {error}"))).ok()
    }

    /// Secrets of webhooks; never shown.
    fn webhook_secrets(&mut self) -> Option<WebhookSecrets> {
        let name = "QAFILA_SALLA_WEBHOOK_SECRETS";
        let like = "the webhook secret of the app in Salla's partner portal, at least 16 characters; while it is exchanged the new one, a comma and the old one";
        let text = self.required(name, like)?;
        let secrets = WebhookSecrets::parse(&text);
        if secrets.is_none() {
            self.problems.push(format!("{name} should be {like}"));
        }
        secrets
    }

    fn api_keys(&mut self) -> Option<ApiKeys> {
        let name = "QAFILA_API_KEYS";
        let keys = ApiKeys::parse(&self.optional(name).unwrap_or_default());
        if keys.is_none() {
            self.problems
                .push(format!("{name} should be caller:<SHA-256 of the key in hex>, comma separated"));
        }
        keys
    }

    fn token_key(&mut self) -> Option<Vec<u8>> {
        let name = "QAFILA_TOKEN_KEY";
        let text = self.required(name, "base64 of at least 32 random bytes")?;
        let key = STANDARD.decode(text.trim()).ok().filter(|key| key.len() >= 32);
        if key.is_none() {
            self.problems.push(format!("{name} should be base64 of at least 32 random bytes"));
        }
        key
    }
}

fn smtp_server(text: &str) -> Option<SmtpServer> {
    let url = Url::parse(text).ok()?;
    let query: Vec<_> = url.query_pairs().collect();
    let required = matches!(query.as_slice(), [(name, value)] if name == "tls" && value == "required");
    let (encryption, port) = match url.scheme() {
        "smtps" if query.is_empty() => (Encryption::Implicit, 465),
        "smtp" if required => (Encryption::StartTls, 587),
        "smtp" if query.is_empty() => (Encryption::None, 25),
        _ => return None,
    };
    let plain =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned);
    let login = match url.password() {
        Some(password) => Some((plain(url.username())?, plain(password)?)),
        None => None,
    };
    // A password in clear is for a server on the same machine.
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    let is_local = matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
    if encryption == Encryption::None && login.is_some() && !is_local {
        return None;
    }
    Some(SmtpServer { host, port: url.port().unwrap_or(port), encryption, login })
}

fn prefix(text: &str) -> Option<String> {
    let fits = text.len() <= 100 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    fits.then(|| text.to_owned())
}

fn identifier(text: &str) -> Option<String> {
    let fits = text.len() <= 100
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    fits.then(|| text.to_owned())
}

fn networks(text: &str) -> Option<Vec<IpNet>> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().ok().or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from)))
        .collect()
}

fn properties(text: &str) -> Option<BTreeMap<String, String>> {
    text.split(';')
        .filter(|part| !part.trim().is_empty())
        .map(|part| part.split_once('=').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_or_wrong_variable_is_named_at_once_and_no_secret_is_shown() {
        let error = Config::read(|name| match name {
            "QAFILA_LISTEN" => Some("here".into()),
            "QAFILA_DATABASE_QUERY_URL" => Some("postgres://root:hunter2@h/d".into()),
            "QAFILA_OPERATOR_KEYS" => Some("a:hunter2".into()),
            "QAFILA_KAFKA_PROPERTIES" => Some("sasl.password hunter2".into()),
            "QAFILA_TRUSTED_PROXIES" => Some("the proxy".into()),
            "QAFILA_SUPPORT_URL" => Some("javascript:alert(1)".into()),
            _ => None,
        });
        let text = error.err().expect("nothing is set").to_string();
        for name in [
            "QAFILA_LISTEN",
            "QAFILA_KAFKA_BROKERS",
            "QAFILA_KAFKA_PROPERTIES",
            "QAFILA_TRUSTED_PROXIES",
            "QAFILA_SUPPORT_URL",
            "QAFILA_DATABASE_OWNER_URL",
            "QAFILA_SALLA_API_URL",
        ] {
            assert!(text.contains(name), "{name} in {text}");
        }
        assert!(text.contains("must log in as qafila_query"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
