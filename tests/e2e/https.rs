//! Calls to a real HTTPS server, and to where none may be made.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use yizhan_harness::sink::{HttpSink, Mood};

use crate::house::{House, step};

/// Speaks TLS, and answers its calls as the list says, the last answer again and again: a status, and after a tab
/// the body. `None`: cuts the line.
pub(crate) struct HttpsServer {
    address: SocketAddr,
    authority: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// What came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    pub(crate) target: String,
    /// Its `Idempotency-Key`.
    key: String,
    pub(crate) body: String,
}

impl HttpsServer {
    pub(crate) fn start(answers: &'static [Option<&'static str>]) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let (tls, calls) = (Arc::new(tls), Arc::new(Mutex::new(Vec::new())));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let line = StreamOwned::new(ServerConnection::new(tls.clone()).unwrap(), stream);
                // A caller that does not trust us hangs up: its own affair.
                drop(answer(line, answers, &calls));
            }
        });
        Self { address, authority: made.cert.pem(), calls: kept }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}/{path}", self.address)
    }

    fn keys(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.key).collect()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Settings under which the house calls it, whose certificate nobody else vouches for.
    pub(crate) fn trusted(&self) -> String {
        format!("allow = [\"{}\"]\nca_files = [\"config/authority.pem\"]\n", self.address)
    }

    pub(crate) fn introduce(&self, house: &House) {
        house.write("config/authority.pem", &self.authority);
    }
}

fn answer(
    line: StreamOwned<ServerConnection, TcpStream>,
    answers: &[Option<&str>],
    calls: &Mutex<Vec<Call>>,
) -> std::io::Result<()> {
    let mut line = BufReader::new(line);
    let (mut length, mut call) = (0, Call::default());
    loop {
        let mut row = String::new();
        if line.read_line(&mut row)? == 0 {
            return Ok(());
        }
        if row == "\r\n" {
            break;
        }
        if call.target.is_empty() {
            row.split(' ').nth(1).unwrap_or_default().clone_into(&mut call.target);
            continue;
        }
        let Some((name, value)) = row.split_once(':') else { continue };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "idempotency-key" => value.trim().clone_into(&mut call.key),
            _ => {}
        }
    }
    line.by_ref().take(length).read_to_string(&mut call.body)?;
    let number = {
        let mut calls = calls.lock().unwrap();
        calls.push(call);
        calls.len()
    };
    let Some(answer) = answers[(number - 1).min(answers.len() - 1)] else { return Ok(()) };
    let (head, body) = answer.split_once('\t').unwrap_or((answer, "{\"ok\":true}"));
    let line = line.get_mut();
    write!(
        line,
        "HTTP/1.1 {head}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    line.conn.send_close_notify();
    line.flush()
}

fn call(url: &str) -> String {
    format!(
        "title = \"通知\"\n[step.call]\nuse = \"webhook.call\"\nwith.url = \"{url}\"\nwith.json = {{ order = 7 }}\n\
         retry = {{ times = 4, first = \"20ms\" }}\n"
    )
}

fn house(server: &HttpsServer, egress: &str, url: &str) -> House {
    let mut house = House::with(&format!("[egress]\n{egress}"));
    server.introduce(&house);
    house.workflow("call", &call(url));
    house.start();
    house
}

#[test]
fn a_server_that_fails_and_recovers_gets_every_try_with_one_key() {
    let server = HttpsServer::start(&[Some("503 Service Unavailable"), None, Some("200 OK")]);
    let house = house(&server, &server.trusted(), &server.url("orders"));
    let view = house.ends(&house.run("call", &json!({})), "done");
    let item = &step(&view, "call")["items"][0];
    assert_eq!((&item["attempts"], &item["output"]["status"]), (&json!(3), &json!(200)), "{view:#}");
    let keys = server.keys();
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert!(!keys[0].is_empty() && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[test]
fn a_certificate_that_nobody_vouches_for_ends_the_call_before_it_is_made() {
    let server = HttpsServer::start(&[Some("200 OK")]);
    let house = house(&server, &format!("allow = [\"{}\"]\n", server.address), &server.url("orders"));
    let view = house.ends(&house.run("call", &json!({})), "failed");
    assert!(view["error"]["message"].as_str().unwrap().contains("certificate"), "{view:#}");
    assert!(server.keys().is_empty());
}

#[test]
fn an_address_of_ours_is_called_only_where_the_settings_allow_it() {
    let sink = HttpSink::start(Mood::default()).unwrap();
    let other = HttpSink::start(Mood::default()).unwrap();
    let settings = format!("[egress]\nallow = [\"{}\"]\n", other.address);
    let house = House::serving(&settings, "call", &call(&format!("http://{}/", sink.address)));
    let view = house.ends(&house.run("call", &json!({})), "failed");
    let item = &step(&view, "call")["items"][0];
    assert_eq!(item["attempts"], 1, "what is not allowed is not tried again: {view:#}");
    let said = view["error"]["message"].as_str().unwrap();
    assert!(said.contains("127.0.0.1"), "{said}");
    assert!(sink.calls().is_empty());
}

#[test]
fn a_redirect_is_told_and_not_followed() {
    let elsewhere = HttpSink::start(Mood::default()).unwrap();
    let location: &'static str =
        Box::leak(format!("302 Found\r\nlocation: http://{}/", elsewhere.address).into_boxed_str());
    let answers: &'static [Option<&'static str>] = Box::leak(Box::new([Some(location)]));
    let server = HttpsServer::start(answers);
    let egress = format!(
        "allow = [\"{}\", \"{}\"]\nca_files = [\"config/authority.pem\"]\n",
        server.address, elsewhere.address
    );
    let house = house(&server, &egress, &server.url("old"));
    let view = house.ends(&house.run("call", &json!({})), "failed");
    let item = &step(&view, "call")["items"][0];
    assert_eq!(
        (&item["failure"]["code"], &item["attempts"]),
        (&json!("webhook.redirected"), &json!(1)),
        "{view:#}"
    );
    assert!(elsewhere.calls().is_empty(), "somebody followed it");
}
