//! `http.fetch/1`: the only HTTP client of the daemon, with one rule of where it goes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Method, Url, redirect};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::services::policy::{Policy, Verdict};
use crate::services::{Denial, Reply};
use crate::settings::HttpSettings;

/// A body has to fit into a document as base64.
pub(crate) const BODY_MAX: u64 = 11 << 20;
const HEADERS_MAX: usize = 100;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// What the client itself says, or what would change how the message is read.
const RESERVED: [&str; 9] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "proxy-authorization",
];

pub(crate) struct Http {
    settings: HttpSettings,
    policy: Arc<Policy>,
    /// Made when first needed: reading the trusted authorities takes milliseconds and memory.
    granted: OnceLock<Result<Client, String>>,
    guarded: OnceLock<Result<Client, String>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Fetch {
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) body: Option<Body>,
    #[serde(default)]
    timeout_ms: Option<u64>,
    #[serde(default)]
    max_bytes: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Body {
    Text(String),
    Base64(String),
    Artifact(String),
    /// An artifact's content, put in by the service.
    #[serde(skip)]
    Bytes(Vec<u8>),
}

fn get() -> String {
    "GET".to_owned()
}

impl Http {
    pub(crate) fn new(settings: HttpSettings) -> Result<Self, String> {
        let policy = Arc::new(Policy::parse(&settings.allow)?);
        Ok(Self { settings, policy, granted: OnceLock::new(), guarded: OnceLock::new() })
    }

    /// `left` is what the call still has.
    pub(crate) async fn fetch(&self, capabilities: &[String], fetch: Fetch, left: Option<Duration>) -> Reply {
        let began = Instant::now();
        let url = Url::parse(&fetch.url)
            .map_err(|error| Denial::new("http.bad_url", format!("`{}` is no URL: {error}", fetch.url)))?;
        let client = self.client(capabilities, &url)?;
        let limit = fetch.max_bytes.unwrap_or(self.settings.max_bytes).min(BODY_MAX);
        let timeout = fetch.timeout_ms.map_or(self.settings.timeout, Duration::from_millis);
        let timeout = left.map_or(timeout, |left| timeout.min(left));
        let request = build(&client, &fetch, url)?.timeout(timeout);
        let response = request.send().await.map_err(|error| explain(&error))?;
        let status = response.status().as_u16();
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let body = read(response, limit).await?;
        let body = match String::from_utf8(body) {
            Ok(text) => json!({ "text": text }),
            Err(bytes) => json!({ "base64": BASE64.encode(bytes.as_bytes()) }),
        };
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let headers = Value::from_iter(headers.into_iter().map(|(name, value)| json!([name, value])));
        Ok(json!({ "status": status, "headers": headers, "body": body, "took_ms": took_ms }))
    }

    fn client(&self, capabilities: &[String], url: &Url) -> Result<Client, Denial> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Denial::new("http.bad_url", format!("`{}` is neither http nor https", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let fault = Denial::new("http.bad_url", "a URL must not hold credentials");
            return Err(Denial { help: Some("send them in a header, from a secret"), ..fault });
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Denial::new("http.bad_url", "the URL has no host"));
        };
        if !declared(capabilities, &host.to_string(), port) {
            let words = format!("the plugin does not declare calls to {host}:{port}");
            return Err(Denial::denied(words, "its author has to add http(...) to its capabilities"));
        }
        let (client, guard) = match self.policy.judge(&host, port) {
            Verdict::Granted => (&self.granted, None),
            Verdict::Resolve => (&self.guarded, Some(Arc::clone(&self.policy))),
            Verdict::Denied => return Err(not_public(&format!("{host}:{port}"))),
        };
        let made = client.get_or_init(|| make_client(&self.settings, guard));
        made.clone().map_err(|fault| Denial::new("http.unavailable", fault).retry())
    }
}

fn not_public(what: &str) -> Denial {
    Denial::denied(
        format!("{what} has no public address"),
        "if it is meant, an administrator adds host:port to [http] allow in the settings",
    )
}

/// `http` alone declares everything public; else host and port must be among those declared.
fn declared(capabilities: &[String], host: &str, port: u16) -> bool {
    capabilities.iter().any(|capability| match capability.strip_prefix("http") {
        Some("") => true,
        Some(rest) => rest.strip_prefix(':').is_some_and(|known| {
            known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(&format!("{host}:{port}"))
        }),
        None => false,
    })
}

fn make_client(settings: &HttpSettings, guard: Option<Arc<Policy>>) -> Result<Client, String> {
    // Another part of the process may have chosen one before; both are good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_WITHIN)
        .pool_max_idle_per_host(8)
        .user_agent(concat!("yizhan/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(Resolver { guard }));
    let mut authorities = Vec::new();
    for path in &settings.ca_files {
        authorities.extend(read_authorities(path)?);
    }
    if !authorities.is_empty() {
        builder = builder.tls_certs_merge(authorities);
    }
    builder.build().map_err(|error| format!("the HTTP client cannot be set up: {}", chain(&error)))
}

fn read_authorities(path: &PathBuf) -> Result<Vec<Certificate>, String> {
    let wrong = |error: &dyn std::fmt::Display| {
        format!("the authorities in {} cannot be read: {error}", path.display())
    };
    let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
    Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error))
}

/// Resolves names and, for those that are not granted, keeps only the addresses that may be called. Connections are
/// made to exactly the addresses given out here.
struct Resolver {
    guard: Option<Arc<Policy>>,
}

#[derive(Debug, thiserror::Error)]
#[error("`{name}`")]
struct NotPublic {
    name: String,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.guard.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed =
                |address: &SocketAddr| guard.as_ref().is_none_or(|policy| policy.allows(address.ip()));
            let addresses: Vec<SocketAddr> = found.filter(allowed).collect();
            if addresses.is_empty() {
                return Err(NotPublic { name: name.as_str().to_owned() }.into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

fn build(client: &Client, fetch: &Fetch, url: Url) -> Result<reqwest::RequestBuilder, Denial> {
    let method = Method::from_bytes(fetch.method.as_bytes())
        .map_err(|_| Denial::new("http.bad_method", format!("`{}` is no method", fetch.method)))?;
    if fetch.headers.len() > HEADERS_MAX {
        return Err(Denial::new("http.bad_header", format!("more than {HEADERS_MAX} headers")));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &fetch.headers {
        // Its value may be secret, so only the name is told.
        let wrong = || Denial::new("http.bad_header", format!("the header `{name}` cannot be sent"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        if RESERVED.contains(&key.as_str()) {
            return Err(Denial::new("http.bad_header", format!("the header `{name}` is set by the host")));
        }
        headers.append(key, HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    let request = client.request(method, url).headers(headers);
    let body = match &fetch.body {
        None => return Ok(request),
        Some(Body::Text(text)) => text.clone().into_bytes(),
        Some(Body::Base64(text)) => {
            BASE64.decode(text).map_err(|_| Denial::new("http.bad_body", "the body is no base64"))?
        }
        Some(Body::Bytes(bytes)) => bytes.clone(),
        Some(Body::Artifact(_)) => return Err(Denial::new("http.bad_body", "the artifact was not read")),
    };
    Ok(request.body(body))
}

async fn read(mut response: reqwest::Response, limit: u64) -> Result<Vec<u8>, Denial> {
    let too_large = || Denial {
        happened: "yes",
        ..Denial::new("http.too_large", format!("the reply is larger than {limit} bytes"))
    };
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| explain(&error))? {
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether the request can have arrived decides what may be done next.
fn explain(error: &reqwest::Error) -> Denial {
    if let Some(denied) = source::<NotPublic>(error) {
        return not_public(&denied.to_string());
    }
    let words = chain(error);
    if error.is_builder() {
        return Denial::new("http.bad_request", words);
    }
    if error.is_connect() {
        return Denial::new("http.unreachable", words).retry();
    }
    if error.is_timeout() {
        return Denial::new("http.timeout", words).retry().maybe_happened();
    }
    Denial::new("http.broken", words).retry().maybe_happened()
}

fn source<E: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(found) = inner.downcast_ref() {
            return Some(found);
        }
        source = inner.source();
    }
    None
}

/// The whole chain, without the URL: it may hold tokens.
fn chain(error: &reqwest::Error) -> String {
    let mut words = String::new();
    let mut source: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = source {
        if !words.is_empty() {
            words.push_str(": ");
        }
        words.push_str(&inner.to_string());
        source = inner.source();
    }
    if words.is_empty() { error.to_string() } else { words }
}
