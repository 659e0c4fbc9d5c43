//! What a plugin may ask of the daemon, and what it is refused.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::{Value, json};
use support::{BOTH, House, Wish, c_plugin, failure, output};
use yizhan_engine::carrier::{Carriers, Outcome};
use yizhan_plugin_host::{Isolation, PluginSettings};
use yizhan_workflow::run::event::{Failure, Happened};

/// What a server did with one connection.
type Serve = fn(&mut TcpStream);

/// Serves one connection after the other in the same way, and hands out what was asked.
fn server(answer: Serve) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if asked.send(request(&mut stream)).is_err() {
                return;
            }
            answer(&mut stream);
        }
    });
    (address, requests)
}

/// Reads a request with its body.
fn request(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut text = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return text;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        text.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    text + &String::from_utf8_lossy(&body)
}

fn say(stream: &mut TcpStream, head: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
}

/// A house whose plugin may call these.
fn house(isolation: Isolation, allow: &[String]) -> House {
    let mut wish = Wish::of(isolation, &[c_plugin("ask")]);
    wish.http.allow = allow.to_vec();
    let house = wish.open();
    assert_eq!(house.refusals, []);
    house
}

fn fetch_fails(house: &House, args: &Value) -> Failure {
    failure(house.run("ask", "fetch", args))
}

#[test]
fn a_granted_host_is_called_with_everything_the_plugin_said() {
    for isolation in BOTH {
        let (address, requests) = server(|stream| say(stream, "201 Created\r\nx-number: 7", "好".as_bytes()));
        let house = house(isolation, &[address.to_string()]);
        let reply = output(house.run(
            "ask",
            "fetch",
            &json!({
                "method": "PUT", "url": format!("http://{address}/a?b=c"),
                "headers": [["x-one", "1"], ["X-Two", "二"]], "body": { "text": "body text" },
            }),
        ));
        let asked = requests.recv_timeout(support::PATIENCE).unwrap();
        assert!(
            asked.starts_with("PUT /a?b=c HTTP/1.1\r\n") && asked.ends_with("\r\n\r\nbody text"),
            "{asked}"
        );
        assert!(asked.contains("x-one: 1\r\n") && asked.contains("x-two: 二\r\n"), "{asked}");
        assert_eq!(
            (&reply["status"], &reply["body"]),
            (&json!(201), &json!({ "text": "好" })),
            "{isolation:?}"
        );
        assert!(reply["headers"].as_array().unwrap().contains(&json!(["x-number", "7"])), "{reply}");
    }
}

#[test]
fn without_a_grant_nothing_inside_is_called() {
    let (address, requests) = server(|stream| say(stream, "200 OK", b""));
    let port = address.port();
    let house = house(Isolation::Process, &[]);
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://2130706433:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://10.0.0.1/".to_owned(),
    ] {
        let failed = fetch_fails(&house, &json!({ "url": url }));
        assert_eq!(
            (&*failed.code, failed.retry, failed.happened),
            ("plugin.denied", false, Happened::No),
            "{url}"
        );
        assert!(failed.message.contains("no public address"), "{}", failed.message);
    }
    assert!(requests.try_recv().is_err(), "nothing arrived");
}

#[test]
fn a_grant_by_name_and_by_network_holds() {
    let (address, _requests) = server(|stream| say(stream, "204 No Content", b""));
    let port = address.port();
    for allow in ["127.0.0.0/8".to_owned(), format!("localhost:{port}"), "localhost".to_owned()] {
        let house = house(Isolation::Process, std::slice::from_ref(&allow));
        let reply = output(house.run("ask", "fetch", &json!({ "url": format!("http://localhost:{port}/") })));
        assert_eq!(reply["status"], 204, "{allow}");
    }
}

#[test]
fn redirects_are_not_followed() {
    let (address, _requests) = server(|stream| say(stream, "302 Found\r\nlocation: http://10.0.0.1/", b""));
    let house = house(Isolation::Process, &[address.to_string()]);
    let reply = output(house.run("ask", "fetch", &json!({ "url": format!("http://{address}/") })));
    assert_eq!(reply["status"], 302);
}

#[test]
fn what_cannot_have_arrived_says_so_and_what_may_have_says_that() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (cuts, _requests) = server(|_| {});
    let (stalls, _stalled) = server(|_| std::thread::park());
    let house = house(Isolation::Process, &["127.0.0.0/8".to_owned()]);
    let failed = fetch_fails(&house, &json!({ "url": format!("http://{closed}/") }));
    assert_eq!((&*failed.code, failed.retry, failed.happened), ("http.unreachable", true, Happened::No));
    let failed = fetch_fails(&house, &json!({ "method": "POST", "url": format!("http://{cuts}/") }));
    assert_eq!((&*failed.code, failed.retry, failed.happened), ("http.broken", true, Happened::Maybe));
    let failed = fetch_fails(&house, &json!({ "url": format!("http://{stalls}/"), "timeout_ms": 100 }));
    assert_eq!((&*failed.code, failed.retry, failed.happened), ("http.timeout", true, Happened::Maybe));
}

#[test]
fn a_reply_that_is_too_large_is_refused() {
    let (announced, _a) = server(|stream| say(stream, "200 OK", &[b'x'; 5000]));
    let (chunked, _b) = server(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").unwrap();
        // The client goes away in the middle.
        drop(stream.write_all(&[b'x'; 50_000]));
    });
    let house = house(Isolation::Process, &["127.0.0.1".to_owned()]);
    for address in [announced, chunked] {
        let failed = fetch_fails(&house, &json!({ "url": format!("http://{address}/"), "max_bytes": 1000 }));
        assert_eq!((&*failed.code, failed.happened), ("http.too_large", Happened::Yes));
    }
}

#[test]
fn requests_that_would_smuggle_are_refused() {
    let house = house(Isolation::Process, &["127.0.0.1".to_owned()]);
    for (args, code) in [
        (json!({ "url": "http://127.0.0.1:9/", "headers": [["x", "a\r\ny: b"]] }), "http.bad_header"),
        (json!({ "url": "http://127.0.0.1:9/", "headers": [["x y", "a"]] }), "http.bad_header"),
        (json!({ "url": "http://127.0.0.1:9/", "headers": [["Host", "other"]] }), "http.bad_header"),
        (
            json!({ "url": "http://127.0.0.1:9/", "headers": [["transfer-encoding", "chunked"]] }),
            "http.bad_header",
        ),
        (json!({ "url": "http://127.0.0.1:9/", "method": "GET / HTTP/1.1\r\n" }), "http.bad_method"),
        (json!({ "url": "file:///etc/passwd" }), "http.bad_url"),
        (json!({ "url": "http://user:word@127.0.0.1:9/" }), "http.bad_url"),
        (json!({ "url": "nonsense" }), "http.bad_url"),
        (json!({ "method": "GET" }), "plugin.bad_request"),
    ] {
        let failed = fetch_fails(&house, &args);
        assert_eq!((&*failed.code, failed.happened), (code, Happened::No), "{args}");
    }
}

#[test]
fn a_server_is_trusted_by_an_authority_in_the_settings_and_not_without() {
    let (address, authority) = tls_server();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("authority.pem");
    std::fs::write(&file, authority).unwrap();
    let url = format!("https://localhost:{}/", address.port());
    for trusted in [true, false] {
        let mut wish = Wish::of(Isolation::Process, &[c_plugin("ask")]);
        wish.http.allow = vec!["localhost".to_owned()];
        wish.http.ca_files = if trusted { vec![file.clone()] } else { Vec::new() };
        let house = wish.open();
        let outcome = house.run("ask", "fetch", &json!({ "url": url }));
        if trusted {
            assert_eq!(output(outcome)["body"], json!({ "text": "hello" }));
        } else {
            let failed = failure(outcome);
            assert_eq!(failed.happened, Happened::No, "{failed:?}");
            assert!(
                failed.message.contains("certificate") || failed.message.contains("authorit"),
                "{failed:?}"
            );
        }
    }
}

/// A server with a certificate of its own authority.
fn tls_server() -> (SocketAddr, String) {
    drop(tokio_rustls::rustls::crypto::ring::default_provider().install_default());
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap();
    let pem = authority.pem();
    let issuer = rcgen::Issuer::new(params, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let config = tokio_rustls::rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let config = Arc::new(config);
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut session = tokio_rustls::rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = tokio_rustls::rustls::Stream::new(&mut session, &mut stream);
            let mut first = [0; 4096];
            // A client that does not trust us goes away here.
            if tls.read(&mut first).is_ok() {
                drop(
                    tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"),
                );
            }
        }
    });
    (address, pem)
}

fn put_secrets(house: &House, secrets: &[(&str, &str)]) {
    for (name, value) in secrets {
        std::fs::write(house.home.path().join("secrets").join(name), value).unwrap();
    }
}

#[test]
fn a_secret_is_given_where_note_settings_step_or_input_grant_it() {
    for isolation in BOTH {
        let mut wish = Wish::of(isolation, &[c_plugin("ask")]);
        let config = json!({ "token": "configured" });
        wish.plugins.insert("ask".to_owned(), PluginSettings { isolation: None, config });
        let house = wish.open();
        let all = ["declared", "configured", "named", "by_step", "other"];
        put_secrets(&house, &all.map(|name| (name, "a-long-enough-value")));
        let given = |outcome: Outcome| match outcome {
            // The value itself is scrubbed from what comes back.
            Outcome::Done { output } => &*output == r#"{"value":"***"}"#,
            Outcome::Failed(failed) => {
                assert_eq!(&*failed.code, "plugin.denied");
                false
            }
            Outcome::Lost { message, .. } => panic!("{message}"),
        };
        assert!(given(house.run("ask", "secret", &json!({ "name": "declared" }))), "{isolation:?}");
        assert!(given(house.run("ask", "secret", &json!({ "name": "configured" }))));
        assert!(given(house.run("ask", "secret", &json!({ "name": "named", "granted": "named" }))));
        let mut call = house.call("ask", "secret", &json!({ "name": "by_step" }));
        call.secrets = vec!["by_step".into()];
        let id = call.id;
        house.host.start(vec![call]);
        assert!(given(house.end_of(id)));
        assert!(!given(house.run("ask", "secret", &json!({ "name": "other" }))));
    }
}

#[test]
fn a_secret_that_is_not_there_is_named() {
    let house = house(Isolation::Process, &[]);
    let failed = failure(house.run("ask", "secret", &json!({ "name": "declared" })));
    assert_eq!(&*failed.code, "secret.unknown");
    assert!(failed.message.starts_with("there is no secret `declared`"), "{}", failed.message);
}

#[test]
fn a_secret_is_scrubbed_from_errors_and_progress_of_every_later_call() {
    for isolation in BOTH {
        let house = house(isolation, &[]);
        put_secrets(&house, &[("declared", "correct horse battery")]);
        output(house.run("ask", "secret", &json!({ "name": "declared" })));
        let said = json!({ "code": "x.y", "message": "I know: correct horse battery", "help": "correct%20horse%20battery" });
        let call = house.start("ask", "log", &said);
        let failed = failure(house.end_of(call));
        assert_eq!(&*failed.message, "I know: ***; ***", "{isolation:?}");
        assert_eq!(house.progress_of(call).1, "I know: ***");
        let kept = house.said.0.lock().unwrap().clone();
        assert_eq!(kept, [(1, "info".to_owned(), "I know: ***".to_owned())], "{isolation:?}");
        // Also where the document is none, and is told with what is wrong in it.
        let said = json!({ "code": "x.y", "message": "", "retry": "correct horse battery" });
        let failed = failure(house.run("ask", "log", &said));
        assert_eq!(&*failed.code, "plugin.protocol_violation");
        assert!(failed.message.contains("\"***\""), "{}", failed.message);
    }
}

#[test]
fn a_line_that_is_cut_says_so_and_no_half_of_a_secret_is_left_at_its_end() {
    let house = house(Isolation::Process, &[]);
    put_secrets(&house, &[("declared", "correct horse battery")]);
    output(house.run("ask", "secret", &json!({ "name": "declared" })));
    let long = format!("{}correct horse battery{}", "x".repeat((8 << 10) - 7), "y".repeat(100));
    let said = json!({ "code": "x.y", "message": long });
    house.end_of(house.start("ask", "log", &said));
    let kept = house.said.0.lock().unwrap().clone();
    assert_eq!(kept, [(1, "cut".to_owned(), format!("{}***yyyy", "x".repeat((8 << 10) - 7)))]);
}

#[test]
fn an_artifact_goes_in_and_comes_out_in_pieces() {
    for isolation in BOTH {
        let (address, requests) = server(|stream| say(stream, "200 OK", &[0xff, 0xfe]));
        let house = house(isolation, &[address.to_string()]);
        let put = json!({ "name": "a.txt", "media_type": "text/plain", "base64": "aGVsbG8gd29ybGQ=" });
        let stored = output(house.run("ask", "artifact_put", &put));
        assert_eq!((&stored["bytes"], &stored["name"]), (&json!(11), &json!("a.txt")), "{isolation:?}");
        let get = json!({ "artifact": stored["artifact"], "offset": 6, "length": 3 });
        assert_eq!(output(house.run("ask", "artifact_get", &get))["base64"], "d29y");
        let unknown = json!({ "artifact": "0".repeat(64) });
        assert_eq!(&*failure(house.run("ask", "artifact_get", &unknown)).code, "artifact.unknown");
        // It can be sent without passing through the plugin, and bytes that are no text come back as base64.
        let fetch = json!({ "method": "POST", "url": format!("http://{address}/"), "body": { "artifact": stored["artifact"] } });
        let reply = output(house.run("ask", "fetch", &fetch));
        assert!(requests.recv_timeout(support::PATIENCE).unwrap().ends_with("hello world"));
        assert_eq!(reply["body"], json!({ "base64": "//4=" }));
    }
}

#[test]
fn random_bytes_are_as_many_as_asked_and_differ() {
    let house = house(Isolation::Process, &[]);
    let bytes = |house: &House| output(house.run("ask", "random", &json!({ "count": 32 })))["base64"].clone();
    let (one, two) = (bytes(&house), bytes(&house));
    assert_eq!(one.as_str().unwrap().len(), 44);
    assert_ne!(one, two);
    assert_eq!(&*failure(house.run("ask", "random", &json!({ "count": 1 << 30 }))).code, "plugin.too_large");
}

#[test]
fn an_unknown_service_is_unsupported() {
    for isolation in BOTH {
        let house = house(isolation, &[]);
        let failed = failure(house.run("ask", "unheard_of", &json!({})));
        // An empty document is what the border says; the plugin hands it on as an error that is none.
        assert_eq!(&*failed.code, "plugin.protocol_violation", "{isolation:?}");
    }
}

#[test]
fn a_call_that_is_over_takes_its_requests_with_it() {
    let (address, requests) = server(|stream| {
        // Until the other side goes away.
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
        GONE.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    static GONE: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    let house = house(Isolation::Process, &[address.to_string()]);
    let url = format!("http://{address}/");
    let call = house.start_within("ask", "fetch", &json!({ "url": url }), Duration::from_secs(20));
    requests.recv_timeout(support::PATIENCE).unwrap();
    house.cancel(call);
    assert!(matches!(house.end_of(call), Outcome::Lost { .. }), "it has no cancel, so it is killed");
    house.until("the request is gone", |_| GONE.load(std::sync::atomic::Ordering::SeqCst));
}
